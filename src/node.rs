//! JSON values as a tree, for small or trusted documents: configuration, key sets, claims.

#[cfg(feature = "explain")]
mod deserialize;
mod read;

use std::fmt;

pub use read::{MAX_DEPTH, NotJson};

use crate::index::Index;
use crate::json::JsonFault;

/// A JSON value that preserves the order of members, and duplicates.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `true` or `false`
    Bool(bool),
    /// An array
    List(Vec<Node>),
    /// `null`
    Null,
    /// A number
    Number(Number),
    /// An object
    Object(Vec<(String, Node)>),
    /// A string
    Text(String),
}

/// A number. Integers are exact. A protobuf `Struct` has only doubles.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// A double
    Double(f64),
    /// Below zero
    Negative(i64),
    /// Zero or above
    Whole(u64),
}

impl Number {
    /// The nearest double.
    #[allow(clippy::cast_precision_loss)]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Double(n) => n,
            Self::Negative(n) => n as f64,
            Self::Whole(n) => n as f64,
        }
    }
}

/// Equal if the numbers are, regardless of their representation.
impl PartialEq for Number {
    #[allow(clippy::float_cmp)]
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => a == b,
            (Self::Negative(a), Self::Negative(b)) => a == b,
            (a, b) => a.as_f64() == b.as_f64(),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // In ECMAScript format, which the canonical form needs anyway. Another formatter would add 17 kB to the
            // module.
            Self::Double(n) => f.write_str(ryu_js::Buffer::new().format(*n)),
            Self::Negative(n) => n.fmt(f),
            Self::Whole(n) => n.fmt(f),
        }
    }
}

impl Node {
    /// Reads a JSON document. Numbers are exact: a schema has one digest, whoever computes it.
    ///
    /// # Errors
    /// If `json` is no JSON, has a lone surrogate or a number beyond every double, or is nested deeper than
    /// [`MAX_DEPTH`].
    pub fn from_json(json: &[u8]) -> Result<Self, NotJson> {
        read::document(json)
    }

    /// Reads one strict JSON value, in which no object has a member twice and at most `depth` containers are nested.
    ///
    /// # Errors
    /// If `json` is none, or has a lone surrogate or a number beyond every double.
    pub fn from_strict_json(json: &[u8], depth: usize) -> Result<Self, JsonFault> {
        read::strict(json, depth)
    }

    /// The name of the type, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Bool(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Null => "null",
            Self::Number(_) => "a number",
            Self::Object(_) => "an object",
            Self::Text(_) => "a string",
        }
    }

    /// The member `name` of an object.
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(key, _)| key == name).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The heap size in bytes. Small members take many times the size of their text.
    pub fn heap(&self) -> usize {
        match self {
            Self::Bool(_) | Self::Null | Self::Number(_) => 0,
            Self::List(items) => {
                allocated(items.capacity() * size_of::<Self>()) + items.iter().map(Self::heap).sum::<usize>()
            }
            Self::Object(members) => Self::members_heap(members),
            Self::Text(text) => allocated(text.capacity()),
        }
    }

    /// Like [`Self::heap`], for the members of an object.
    pub fn members_heap(members: &Vec<(String, Self)>) -> usize {
        let each = |(name, node): &(String, Self)| allocated(name.capacity()) + node.heap();
        allocated(members.capacity() * size_of::<(String, Self)>()) + members.iter().map(each).sum::<usize>()
    }

    /// The member `name` of an object; `null` counts as absent.
    pub fn optional(&self, name: &str) -> Option<&Self> {
        self.member(name).filter(|value| **value != Self::Null)
    }

    /// The names of an object's members.
    pub fn member_names(&self) -> impl Iterator<Item = &str> {
        let members = match self {
            Self::Object(members) => members.as_slice(),
            _ => &[],
        };
        members.iter().map(|(name, _)| name.as_str())
    }

    /// The string, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items, if it is a list.
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The names of duplicate members of an object, without duplicates.
    pub fn repeated_members(&self) -> Vec<String> {
        let Self::Object(members) = self else { return Vec::new() };
        let names: Vec<_> = members.iter().map(|(name, _)| name.as_str()).collect();
        Index::of_repeated(&names).into_names()
    }
}

/// The size of an allocation, including the allocator's overhead.
pub fn allocated(bytes: usize) -> usize {
    const OVERHEAD: usize = 16;
    if bytes == 0 { 0 } else { bytes + OVERHEAD }
}
