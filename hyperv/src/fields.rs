//! The properties of one object, read as what they mean.

use std::net::IpAddr;
use std::rc::Rc;
use std::str::FromStr;

use ipnet::IpNet;
use nvgw_types::MacAddr;

use crate::document::{Content, Document, Property, Value};
use crate::problem::Problem;
use crate::quote::shown;

/// What a property should hold.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    /// What the value then is: fits behind "is no".
    pub(crate) what: &'static str,
    /// What to write.
    pub(crate) write: &'static str,
}

const ADDRESS: Wanted = Wanted { what: "IP address", write: "an IP address, as in 10.0.1.5" };
const PREFIX: Wanted = Wanted { what: "prefix", write: "a prefix, as in 10.0.1.0/24" };
const MAC: Wanted = Wanted { what: "Ethernet address", write: "an Ethernet address, as in 00155D000005" };

/// Where a value stands.
#[derive(Debug, Clone)]
pub(crate) struct Place<'a> {
    pub(crate) document: &'a Document,
    offset: usize,
    item: Rc<str>,
    property: Option<&'static str>,
}

impl Place<'_> {
    pub(crate) fn problem(&self, message: impl Into<String>, hint: impl Into<String>) -> Problem {
        let path = match self.property {
            None => self.item.to_string(),
            Some(property) if self.item.is_empty() => property.to_owned(),
            Some(property) => format!("{}.{property}", self.item),
        };
        self.document.problem(self.offset, &path, message, hint)
    }

    /// How a later problem speaks of an earlier place.
    pub(crate) fn named(&self) -> String {
        let line = self.document.line(self.offset);
        if self.item.is_empty() {
            return format!("{}:{line}", self.document.origin());
        }
        format!("{} ({}:{line})", self.item, self.document.origin())
    }
}

/// A value, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Located<'a, T> {
    pub(crate) value: T,
    pub(crate) place: Place<'a>,
}

/// An object of a document.
pub(crate) struct Fields<'a> {
    document: &'a Document,
    path: Rc<str>,
    whole: Value<'a>,
    properties: Vec<Property<'a>>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(
        document: &'a Document,
        path: &str,
        whole: Value<'a>,
        properties: Vec<Property<'a>>,
    ) -> Self {
        Self { document, path: path.into(), whole, properties }
    }

    /// Where the object stands.
    pub(crate) fn place(&self) -> Place<'a> {
        self.at(self.whole, None)
    }

    fn at(&self, value: Value<'a>, property: Option<&'static str>) -> Place<'a> {
        Place { document: self.document, offset: value.offset, item: self.path.clone(), property }
    }

    /// Whether the object has a property that says something. PowerShell does not tell capitals from small letters.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<Value<'a>> {
        let property = self.properties.iter().find(|property| property.name.eq_ignore_ascii_case(name))?;
        (property.value.text != "null").then_some(property.value)
    }

    /// Reports a property that is there twice: only one of the values can be meant.
    pub(crate) fn check_once(&self, names: &[&'static str], problems: &mut Vec<Problem>) {
        for name in names {
            let same = |property: &&Property<'a>| property.name.eq_ignore_ascii_case(name);
            if let Some(second) = self.properties.iter().filter(same).nth(1) {
                let place = self.at(second.value, Some(name));
                problems.push(place.problem("given twice", "keep one of them"));
            }
        }
    }

    /// A property's value as text; `None` where it is absent, null or empty. What is neither text nor number is
    /// reported with what is `wanted`.
    pub(crate) fn text(
        &self,
        name: &'static str,
        wanted: Wanted,
        problems: &mut Vec<Problem>,
    ) -> Option<Located<'a, String>> {
        let value = self.find(name)?;
        let place = self.at(value, Some(name));
        match value.content() {
            Some(Content::Text(text)) if text.trim().is_empty() => None,
            Some(Content::Text(text)) => Some(Located { value: text.trim().to_owned(), place }),
            Some(Content::Number(number)) => Some(Located { value: number.to_owned(), place }),
            _ => {
                problems
                    .push(place.problem(format!("no {}", wanted.what), format!("write {}", wanted.write)));
                None
            }
        }
    }

    /// As [`Self::text`], and the property must be there.
    pub(crate) fn required(
        &self,
        name: &'static str,
        wanted: Wanted,
        problems: &mut Vec<Problem>,
    ) -> Option<Located<'a, String>> {
        let known = problems.len();
        let text = self.text(name, wanted, problems);
        if text.is_none() && problems.len() == known {
            let place = self.find(name).map_or_else(|| self.place(), |value| self.at(value, Some(name)));
            let message = format!("{name} is missing");
            problems.push(place.problem(message, format!("write {}", wanted.write)));
        }
        text
    }

    /// A property that must be there, as `read` takes it.
    pub(crate) fn parsed<T>(
        &self,
        name: &'static str,
        wanted: Wanted,
        problems: &mut Vec<Problem>,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Located<'a, T>> {
        let text = self.required(name, wanted, problems)?;
        let Some(value) = read(&text.value) else {
            let message = format!("{} is no {}", shown(&text.value), wanted.what);
            problems.push(text.place.problem(message, format!("write {}", wanted.write)));
            return None;
        };
        Some(Located { value, place: text.place })
    }

    /// An IP address of either family.
    pub(crate) fn address(
        &self,
        name: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<Located<'a, IpAddr>> {
        self.parsed(name, ADDRESS, problems, |text| text.parse().ok())
    }

    /// A prefix of either family, its host bits cleared as Windows does.
    pub(crate) fn prefix(
        &self,
        name: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<Located<'a, IpNet>> {
        let read = |text: &str| text.parse().ok().map(|net: IpNet| net.trunc());
        self.parsed(name, PREFIX, problems, read)
    }

    /// An Ethernet address: `00155D000005`, with dashes or with colons.
    pub(crate) fn mac(
        &self,
        name: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<Located<'a, MacAddr>> {
        self.parsed(name, MAC, problems, mac)
    }

    /// An unsigned number that may be left out.
    pub(crate) fn number<T: FromStr>(
        &self,
        name: &'static str,
        wanted: Wanted,
        problems: &mut Vec<Problem>,
    ) -> Option<Located<'a, T>> {
        self.text(name, wanted, problems)?;
        self.parsed(name, wanted, problems, |text| text.parse().ok())
    }

    /// A flag; what is not there is not set.
    pub(crate) fn flag(&self, name: &'static str, problems: &mut Vec<Problem>) -> bool {
        let Some(value) = self.find(name) else {
            return false;
        };
        match value.content() {
            Some(Content::Bool(flag)) => flag,
            Some(Content::Text(text)) if text.eq_ignore_ascii_case("true") => true,
            Some(Content::Text(text)) if text.eq_ignore_ascii_case("false") => false,
            _ => {
                problems.push(self.at(value, Some(name)).problem("no boolean", "write true or false"));
                false
            }
        }
    }

    /// One of a set of names or numbers, as PowerShell prints an enumeration; `None` where it is absent.
    pub(crate) fn choice<T: Copy>(
        &self,
        name: &'static str,
        choices: &[(T, &str, &[&str])],
        problems: &mut Vec<Problem>,
    ) -> Option<T> {
        let wanted = Wanted { what: name, write: "a name or its number" };
        let text = self.text(name, wanted, problems)?;
        let matches = |(_, name, numbers): &&(T, &str, &[&str])| {
            name.eq_ignore_ascii_case(&text.value) || numbers.contains(&text.value.as_str())
        };
        let found = choices.iter().find(matches).map(|(value, ..)| *value);
        if found.is_none() {
            let message = format!("{} is no {name}", shown(&text.value));
            let names: Vec<&str> = choices.iter().map(|(_, name, _)| *name).collect();
            problems.push(text.place.problem(message, format!("write one of {}", names.join(", "))));
        }
        found
    }
}

fn mac(text: &str) -> Option<MacAddr> {
    if text.len() == 12 && text.is_ascii() {
        let pairs = text.as_bytes().as_chunks::<2>().0.iter().map(|pair| String::from_utf8_lossy(pair));
        return pairs.collect::<Vec<_>>().join(":").parse().ok();
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ethernet_addresses_come_in_three_spellings() {
        let expected = Some(MacAddr([0x00, 0x15, 0x5d, 0x00, 0x00, 0xaf]));
        for text in ["00155D0000AF", "00155d0000af", "00-15-5D-00-00-AF", "00:15:5d:00:00:af"] {
            assert_eq!(mac(text), expected, "{text}");
        }
        for text in ["00155D0000A", "00155D0000AG", "00155D0000Ä", "", "+0155D0000AF"] {
            assert_eq!(mac(text), None, "{text}");
        }
    }
}
