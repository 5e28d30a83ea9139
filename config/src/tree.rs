//! The document as a tree of nodes that know their places.
//!
//! Serde's data model carries no places and stops at the first mistake, so the YAML events are kept as they come: one
//! arena, each node with its mark and its parent, from which its path is made only when a problem needs it.

mod builder;

use std::borrow::Cow;
use std::fmt::Write as _;

pub(crate) use builder::parse;

/// A place in the text, both from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Mark {
    pub(crate) const START: Self = Self { line: 1, column: 1 };
}

/// A node of a [`Tree`]. Nodes are ordered as they stand in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeId(u32);

impl NodeId {
    pub(crate) const ROOT: Self = Self(0);
}

/// A scalar as written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scalar<'a> {
    pub(crate) text: &'a str,
    /// Without quotes, so that it may be a number, a boolean or nothing.
    pub(crate) plain: bool,
}

#[derive(Debug)]
pub(crate) enum Content<'t> {
    Scalar {
        text: Cow<'t, str>,
        plain: bool,
    },
    Sequence(Vec<NodeId>),
    Mapping(Vec<Member<'t>>),
    /// Reported already, to be passed over in silence.
    Broken,
}

/// A key and its value in a mapping.
#[derive(Debug)]
pub(crate) struct Member<'t> {
    pub(crate) key: Cow<'t, str>,
    pub(crate) mark: Mark,
    pub(crate) value: NodeId,
}

#[derive(Debug)]
struct Node<'t> {
    mark: Mark,
    parent: NodeId,
    /// The place among the parent's items or members.
    position: u32,
    content: Content<'t>,
}

/// A document.
#[derive(Debug)]
pub(crate) struct Tree<'t> {
    nodes: Vec<Node<'t>>,
}

impl<'t> Tree<'t> {
    pub(crate) fn content(&self, node: NodeId) -> &Content<'t> {
        &self.node(node).content
    }

    pub(crate) fn mark(&self, node: NodeId) -> Mark {
        self.node(node).mark
    }

    /// The path of a node, as in `tenants[0].name`; empty for the root.
    pub(crate) fn path(&self, node: NodeId) -> String {
        let mut steps = Vec::new();
        let mut at = node;
        while at != NodeId::ROOT {
            let node = self.node(at);
            steps.push((node.parent, node.position as usize));
            at = node.parent;
        }
        let mut path = String::new();
        for (parent, position) in steps.into_iter().rev() {
            match self.content(parent) {
                Content::Mapping(members) => {
                    if let Some(member) = members.get(position) {
                        push_key(&mut path, &member.key);
                    }
                }
                _ => {
                    // Writing to a String cannot fail.
                    let _ = write!(path, "[{position}]");
                }
            }
        }
        path
    }

    fn node(&self, node: NodeId) -> &Node<'t> {
        &self.nodes[node.0 as usize]
    }
}

/// Appends a key to a path; what is no plain word is quoted, so that a path stays one line.
pub(crate) fn push_key(path: &mut String, key: &str) {
    let word = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if key.is_empty() || !key.chars().all(word) {
        path.push('[');
        path.push_str(&quote(key));
        path.push(']');
        return;
    }
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(key);
}

/// What the user wrote, in quotes, escaped and cut so that it fits a line.
pub(crate) fn quote(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", &text[..end]),
    }
}

/// The lines of a text as YAML counts them: LF, CR LF and CR end one.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.split('\n');
    lines.flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}
