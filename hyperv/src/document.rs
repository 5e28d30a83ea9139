//! A JSON document whose values know their places.
//!
//! `serde_json` checks the whole document and hands out the text of each value; where that text lies in the
//! document is the value's place. So the places cost nothing until something is wrong there.

use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::problem::{Problem, Problems};
use crate::text::{NotText, decode};

/// A file of what `Get-NetVirtualization*` printed through `ConvertTo-Json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    origin: String,
    text: String,
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
}

impl Document {
    /// Reads a document; `origin` stands before the line numbers of its problems.
    ///
    /// UTF-8 with or without a byte order mark and UTF-16 with one are taken.
    ///
    /// # Errors
    /// What is no text, and what is no JSON.
    pub fn read(origin: &str, bytes: &[u8]) -> Result<Self, Problems> {
        let (text, broken) = match decode(bytes) {
            Ok(text) => (text, None),
            Err(NotText { valid, encoding }) => (valid, Some(encoding)),
        };
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(starts).collect();
        let document = Self { origin: origin.to_owned(), text, lines };
        if let Some(encoding) = broken {
            let hint = "save it with Out-File -Encoding utf8";
            let message = format!("not {encoding} text");
            return Err(Problems::single(document.problem(document.text.len(), "document", message, hint)));
        }
        match serde_json::from_str::<&RawValue>(&document.text) {
            Ok(_) => Ok(document),
            Err(error) => Err(Problems::single(document.syntax(&error))),
        }
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// The whole document.
    pub(crate) fn root(&self) -> Value<'_> {
        Value { text: self.text.trim_ascii(), offset: self.text.len() - self.text.trim_ascii_start().len() }
    }

    pub(crate) fn problem(
        &self,
        offset: usize,
        path: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Problem {
        let line = self.line(offset);
        Problem {
            origin: self.origin.clone(),
            line,
            column: self.text[self.lines[line - 1]..offset].chars().count() + 1,
            path: if path.is_empty() { "document".to_owned() } else { path.to_owned() },
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// The line of a byte, from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset)
    }

    fn syntax(&self, error: &serde_json::Error) -> Problem {
        // The library counts columns in bytes, and the place behind the last line is its column 0.
        let start = self.lines[error.line().clamp(1, self.lines.len()) - 1];
        let mut offset = (start + error.column().saturating_sub(1)).min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let text = error.to_string();
        let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
        self.problem(offset, "document", format!("no JSON: {what}"), "write what ConvertTo-Json prints")
    }
}

/// A value in a document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value<'a> {
    pub(crate) text: &'a str,
    /// Where it begins, in bytes from the start of the document.
    pub(crate) offset: usize,
}

/// A property of an object.
#[derive(Debug, Clone)]
pub(crate) struct Property<'a> {
    pub(crate) name: String,
    pub(crate) value: Value<'a>,
}

/// What a value is, one level deep.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    Null,
    Bool(bool),
    Number(&'a str),
    Text(String),
    List(Vec<Value<'a>>),
    Object(Vec<Property<'a>>),
}

impl<'a> Value<'a> {
    /// Takes the value apart by one level. The document has been checked as a whole; what its parts do not give
    /// (half a surrogate pair in a text) is `None`.
    pub(crate) fn content(self) -> Option<Content<'a>> {
        Some(match self.text.as_bytes().first()? {
            b'n' => Content::Null,
            b't' => Content::Bool(true),
            b'f' => Content::Bool(false),
            b'"' => Content::Text(serde_json::from_str(self.text).ok()?),
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(self.text).ok()?;
                Content::List(items.into_iter().map(|item| self.part(item)).collect())
            }
            b'{' => {
                let Members(members) = serde_json::from_str(self.text).ok()?;
                let property = |(name, value)| Property { name, value: self.part(value) };
                Content::Object(members.into_iter().map(property).collect())
            }
            _ => Content::Number(self.text),
        })
    }

    /// A part that was cut out of this value's text.
    fn part(self, part: &'a RawValue) -> Self {
        let text = part.get();
        Self { text, offset: self.offset + (text.as_ptr().addr() - self.text.as_ptr().addr()) }
    }
}

/// An object's properties as they stand, those given twice included.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Document::read("f", text.as_bytes()).expect_err(text).to_string()
    }

    #[test]
    fn parts_know_where_they_stand() {
        let document = Document::read("f", "\n [ {\"é\": [1, {\"b\" : \"x\"}]} ]".as_bytes()).expect("JSON");
        let Some(Content::List(items)) = document.root().content() else { panic!("a list") };
        let Some(Content::Object(properties)) = items[0].content() else { panic!("an object") };
        let Some(Content::List(inner)) = properties[0].value.content() else { panic!("a list") };
        let Some(Content::Object(innermost)) = inner[1].content() else { panic!("an object") };
        let Problem { line, column, .. } = document.problem(innermost[0].value.offset, "p", "m", "h");
        assert_eq!((line, column, innermost[0].value.text), (2, 21, "\"x\""));
    }

    #[test]
    fn what_is_no_json_is_refused_where_it_ends_to_be() {
        assert_eq!(
            refusal("[\n  {\"ä\": tru}\n]"),
            "f:2:12: document: no JSON: expected ident; write what ConvertTo-Json prints"
        );
        assert_eq!(
            refusal("[1,\n"),
            "f:2:1: document: no JSON: EOF while parsing a value; write what ConvertTo-Json prints"
        );
        assert_eq!(
            refusal("[] []"),
            "f:1:4: document: no JSON: trailing characters; write what ConvertTo-Json prints"
        );
        assert_eq!(
            refusal(""),
            "f:1:1: document: no JSON: EOF while parsing a value; write what ConvertTo-Json prints"
        );
    }

    #[test]
    fn what_is_no_text_is_refused_where_it_stops() {
        let problems = Document::read("f", b"[\n\"\xff\"]").expect_err("no UTF-8").to_string();
        assert_eq!(problems, "f:2:2: document: not UTF-8 text; save it with Out-File -Encoding utf8");
    }
}
