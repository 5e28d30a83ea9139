//! YAML events into a [`Tree`].

use std::borrow::Cow;
use std::collections::HashSet;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span};

use super::{Content, Mark, Member, Node, NodeId, Tree, lines, push_key, quote};
use crate::problems::Problem;

/// No configuration nests deeper; what does is refused before anything recursive sees it.
const DEEPEST: usize = 32;

/// From this many members on, a mapping's keys are kept in a set to find those given twice.
const MANY_KEYS: usize = 16;

/// Reads a document; `least` is the hint for one that is empty. Mistakes that leave a tree (keys given twice, aliases, tags) go into `problems`.
///
/// # Errors
/// What is no YAML, holds nothing or holds two documents: one problem.
pub(crate) fn parse<'t>(
    text: &'t str,
    least: &str,
    problems: &mut Vec<Problem>,
) -> Result<Tree<'t>, Problem> {
    let mut builder =
        Builder { text, tree: Tree { nodes: Vec::new() }, open: Vec::new(), documents: 0, problems };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| syntax(text, &error))?;
        builder.event(event, span)?;
    }
    builder.finish(least)
}

/// A collection that is not yet complete.
enum Open<'t> {
    Sequence { node: NodeId, items: Vec<NodeId> },
    Mapping { node: NodeId, members: Vec<Member<'t>>, key: Key<'t>, seen: HashSet<Cow<'t, str>> },
}

/// Where an open mapping stands.
enum Key<'t> {
    Expected,
    Read(Cow<'t, str>, Mark),
    /// Reported; its value is passed over.
    Refused,
}

struct Builder<'t, 'p> {
    text: &'t str,
    tree: Tree<'t>,
    open: Vec<Open<'t>>,
    documents: usize,
    problems: &'p mut Vec<Problem>,
}

impl<'t> Builder<'t, '_> {
    fn event(&mut self, event: Event<'t>, span: Span) -> Result<(), Problem> {
        let mark = mark(span.start);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(whole(
                        within(self.text, span.start).0,
                        "a second document begins here",
                        "keep one document in the file: remove the --- line, or split the file",
                    ));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.decoration(mark, anchor, tag.is_some());
                self.scalar(text, style == ScalarStyle::Plain, tag.is_some(), mark);
            }
            Event::Alias(_) => {
                self.problem(
                    mark,
                    "aliases (*name) are not supported",
                    "write the value out where it is needed",
                );
                self.complete(mark, Content::Broken);
            }
            Event::SequenceStart(anchor, tag) => {
                self.decoration(mark, anchor, tag.is_some());
                let node = self.begin(mark)?;
                self.open.push(Open::Sequence { node, items: Vec::new() });
            }
            Event::MappingStart(anchor, tag) => {
                self.decoration(mark, anchor, tag.is_some());
                let node = self.begin(mark)?;
                self.open.push(Open::Mapping {
                    node,
                    members: Vec::new(),
                    key: Key::Expected,
                    seen: HashSet::new(),
                });
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn finish(self, least: &str) -> Result<Tree<'t>, Problem> {
        let nothing = match self.tree.nodes.first().map(|node| &node.content) {
            None => true,
            Some(Content::Scalar { text, plain }) => *plain && text.is_empty(),
            Some(_) => false,
        };
        if nothing {
            return Err(whole(Mark::START, "the document is empty", least));
        }
        Ok(self.tree)
    }

    /// Anchors and tags change what a document means behind the reader's back: none is accepted.
    fn decoration(&mut self, mark: Mark, anchor: usize, tag: bool) {
        if anchor != 0 {
            self.problem(
                mark,
                "anchors (&name) are not supported",
                "leave the anchor out, and write the value out where it is needed",
            );
        }
        if tag {
            self.problem(mark, "tags (!name) are not supported", "leave the tag out");
        }
    }

    fn scalar(&mut self, text: Cow<'t, str>, plain: bool, tagged: bool, mark: Mark) {
        if let Some(Open::Mapping { key: key @ Key::Expected, members, seen, .. }) = self.open.last_mut() {
            if tagged {
                *key = Key::Refused;
                return;
            }
            if text == "<<" {
                *key = Key::Refused;
                self.problem(
                    mark,
                    "merge keys (<<) are not supported",
                    "write the keys out where they are needed",
                );
                return;
            }
            if let Some(first) = given_before(members, seen, &text) {
                *key = Key::Refused;
                let mut path = self.path();
                push_key(&mut path, &text);
                let message = format!("key {} is given twice, first at line {first}", quote(&text));
                self.problems.push(problem(path, mark, &message, "keep one of them"));
                return;
            }
            *key = Key::Read(text, mark);
            return;
        }
        let content = if tagged { Content::Broken } else { Content::Scalar { text, plain } };
        self.complete(mark, content);
    }

    /// A node without children.
    fn complete(&mut self, mark: Mark, content: Content<'t>) {
        let node = self.add(mark, content);
        self.attach(node);
    }

    /// A collection's node, its children to come.
    fn begin(&mut self, mark: Mark) -> Result<NodeId, Problem> {
        if self.open.len() == DEEPEST {
            return Err(whole(
                mark,
                "the document is nested too deeply",
                "close the brackets that are open here",
            ));
        }
        Ok(self.add(mark, Content::Broken))
    }

    fn end(&mut self) {
        let (node, content) = match self.open.pop() {
            Some(Open::Sequence { node, items }) => (node, Content::Sequence(items)),
            Some(Open::Mapping { node, members, .. }) => (node, Content::Mapping(members)),
            None => return,
        };
        self.tree.nodes[node.0 as usize].content = content;
        self.attach(node);
    }

    fn add(&mut self, mark: Mark, content: Content<'t>) -> NodeId {
        let (parent, position) = match self.open.last() {
            None => (NodeId::ROOT, 0),
            Some(Open::Sequence { node, items }) => (*node, items.len()),
            Some(Open::Mapping { node, members, .. }) => (*node, members.len()),
        };
        let id = NodeId(self.tree.nodes.len() as u32);
        self.tree.nodes.push(Node { mark, parent, position: position as u32, content });
        id
    }

    /// Gives a complete node to the collection that is open around it.
    fn attach(&mut self, value: NodeId) {
        match self.open.last_mut() {
            None => {}
            Some(Open::Sequence { items, .. }) => items.push(value),
            Some(Open::Mapping { members, key, seen, .. }) => match std::mem::replace(key, Key::Expected) {
                Key::Read(key, mark) => {
                    if members.len() >= MANY_KEYS {
                        if seen.is_empty() {
                            seen.extend(members.iter().map(|member| member.key.clone()));
                        }
                        seen.insert(key.clone());
                    }
                    members.push(Member { key, mark, value });
                }
                Key::Refused => {}
                Key::Expected => {
                    *key = Key::Refused;
                    let key = &self.tree.nodes[value.0 as usize];
                    // An alias has been reported as such.
                    if !matches!(key.content, Content::Broken) {
                        self.problem(
                            key.mark,
                            "a list or a mapping stands where a key belongs",
                            "write a key, a colon and a value; text with braces needs quotes",
                        );
                    }
                }
            },
        }
    }

    fn problem(&mut self, mark: Mark, message: &str, hint: &str) {
        let path = self.path();
        self.problems.push(problem(path, mark, message, hint));
    }

    /// The path of what comes next. The open collections hold their children, hence the tree does not know it yet.
    fn path(&self) -> String {
        let mut path = String::new();
        for open in &self.open {
            match open {
                Open::Sequence { items, .. } => path.push_str(&format!("[{}]", items.len())),
                Open::Mapping { key: Key::Read(key, _), .. } => push_key(&mut path, key),
                Open::Mapping { .. } => {}
            }
        }
        path
    }
}

/// The line where a mapping has the key already.
fn given_before(members: &[Member<'_>], seen: &HashSet<Cow<'_, str>>, key: &str) -> Option<u32> {
    if !seen.is_empty() && !seen.contains(key) {
        return None;
    }
    let member = members.iter().find(|member| member.key == key)?;
    Some(member.mark.line)
}

fn mark(marker: Marker) -> Mark {
    Mark { line: marker.line() as u32, column: marker.col() as u32 + 1 }
}

/// A marker's place, held within the text: at its end the parser may point beyond it. Gives the line's text, too.
fn within(text: &str, marker: Marker) -> (Mark, &str) {
    let mark = mark(marker);
    let last = lines(text).count() as u32;
    let number = mark.line.clamp(1, last);
    let line = lines(text).nth(number as usize - 1).unwrap_or("");
    let width = line.chars().count() as u32;
    let mark = Mark { line: number, column: mark.column.clamp(1, width + 1) };
    (mark, line)
}

fn syntax(text: &str, error: &ScanError) -> Problem {
    let (mark, line) = within(text, *error.marker());
    let indent = line.len() - line.trim_start().len();
    let hint = if line[..indent].contains('\t') {
        "indent with spaces: YAML allows no tabs there"
    } else {
        "look for a missing colon, quote or bracket, and for wrong indentation, here or just before"
    };
    whole(mark, &format!("not YAML: {}", error.info()), hint)
}

fn whole(mark: Mark, message: &str, hint: &str) -> Problem {
    problem(String::new(), mark, message, hint)
}

fn problem(path: String, mark: Mark, message: &str, hint: &str) -> Problem {
    Problem {
        path: if path.is_empty() { "document".to_owned() } else { path },
        line: mark.line as usize,
        column: mark.column as usize,
        message: message.to_owned(),
        hint: hint.to_owned(),
    }
}
