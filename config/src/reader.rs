//! From nodes to values: reads as much as can be read and reports everything that cannot.

use crate::problems::Problem;
use crate::rules::{Refusal, Verdict};
use crate::tree::{Content, Mark, NodeId, Tree, push_key, quote};

/// A tree and the problems found in it so far.
pub(crate) struct Reader<'t> {
    pub(crate) tree: &'t Tree<'t>,
    problems: Vec<Problem>,
}

impl<'t> Reader<'t> {
    pub(crate) fn new(tree: &'t Tree<'t>, problems: Vec<Problem>) -> Self {
        Self { tree, problems }
    }

    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// Reports what is wrong at a node.
    pub(crate) fn problem(&mut self, node: NodeId, refusal: Refusal) {
        let path = self.tree.path(node);
        self.add(path, self.tree.mark(node), refusal);
    }

    /// Whether a rule has nothing against what stands at a node; reports what it has.
    pub(crate) fn check(&mut self, node: NodeId, verdict: Verdict) -> bool {
        let refusal = match verdict {
            Ok(()) => return true,
            Err(refusal) => refusal,
        };
        self.problem(node, refusal);
        false
    }

    /// Reports what is wrong about a key of the mapping at `node`.
    pub(crate) fn key_problem(&mut self, node: NodeId, key: &str, mark: Mark, refusal: Refusal) {
        let mut path = self.tree.path(node);
        push_key(&mut path, key);
        self.add(path, mark, refusal);
    }

    fn add(&mut self, path: String, mark: Mark, refusal: Refusal) {
        self.problems.push(Problem {
            path: if path.is_empty() { "document".to_owned() } else { path },
            line: mark.line as usize,
            column: mark.column as usize,
            message: refusal.message,
            hint: refusal.hint,
        });
    }

    /// How a later problem speaks of an earlier node.
    pub(crate) fn place(&self, node: NodeId) -> String {
        format!("{} (line {})", self.tree.path(node), self.tree.mark(node).line)
    }

    pub(crate) fn is_null(&self, node: NodeId) -> bool {
        match self.tree.content(node) {
            Content::Scalar { text, plain } => *plain && is_null(text),
            _ => false,
        }
    }

    /// What stands at a node, for a person.
    pub(crate) fn describe(&self, node: NodeId) -> String {
        match self.tree.content(node) {
            Content::Scalar { plain: true, text } if is_null(text) => "nothing".to_owned(),
            Content::Scalar { text, .. } => quote(text),
            Content::Sequence(_) => "a list".to_owned(),
            Content::Mapping(_) => "a mapping".to_owned(),
            Content::Broken => "something unreadable".to_owned(),
        }
    }
}

/// Whether a plain scalar is YAML 1.2's null.
pub(crate) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// A value that knows where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spanned<T> {
    pub(crate) node: NodeId,
    pub(crate) value: T,
}

impl<T> Spanned<T> {
    /// Another value that stands at the same place.
    pub(crate) fn map<U>(&self, value: impl FnOnce(&T) -> U) -> Spanned<U> {
        Spanned { node: self.node, value: value(&self.value) }
    }
}

/// What a key of a mapping gave.
#[derive(Debug)]
pub(crate) enum Field<T> {
    /// The key is not there, and need not be.
    Absent,
    /// The key is missing or its value is wrong; it has been reported.
    Broken,
    /// A value: what is written, or the default, which stands where its mapping stands.
    Given(Spanned<T>),
}

impl<T> Field<T> {
    pub(crate) fn given(&self) -> Option<&Spanned<T>> {
        match self {
            Self::Given(spanned) => Some(spanned),
            Self::Absent | Self::Broken => None,
        }
    }

    pub(crate) fn value(&self) -> Option<&T> {
        self.given().map(|spanned| &spanned.value)
    }

    pub(crate) fn is_broken(&self) -> bool {
        matches!(self, Self::Broken)
    }

    /// The value of a key that may be left out: `None` where it is broken.
    pub(crate) fn optional(&self) -> Option<Option<&T>> {
        match self {
            Self::Absent => Some(None),
            Self::Broken => None,
            Self::Given(spanned) => Some(Some(&spanned.value)),
        }
    }
}

/// A list, less the items that could not be read.
#[derive(Debug)]
pub(crate) struct List<T> {
    pub(crate) items: Vec<Spanned<T>>,
    /// Whether every item could be read.
    pub(crate) whole: bool,
}

impl<T> Field<List<T>> {
    /// The items; none where there is no list.
    pub(crate) fn items(&self) -> &[Spanned<T>] {
        self.value().map_or(&[], |list| &list.items)
    }

    /// Whether everything that was written could be read.
    pub(crate) fn is_whole(&self) -> bool {
        match self {
            Self::Absent => true,
            Self::Broken => false,
            Self::Given(list) => list.value.whole,
        }
    }
}
