//! The claims of a token that is kept. The text takes a fourth of the memory of the tree that it is read into, and most
//! policies ask for no claim but those that every record names.

use std::cell::{Cell, OnceCell};

use super::claims::{self, Claims};
use crate::node::{Node, allocated};

/// The claims of a verified token.
#[derive(Default)]
pub struct KeptClaims {
    /// The JSON text. Empty if the tree takes its place, or if there is more than one source.
    text: Cell<Vec<u8>>,
    tree: OnceCell<Claims>,
    /// The names of records, if the claims are kept as text.
    id: Option<Box<str>>,
    actors: Box<[Box<str>]>,
}

impl KeptClaims {
    /// The claims that were read from `text`.
    pub fn of_text(text: Vec<u8>, claims: Claims) -> Self {
        Self { text: Cell::new(text), ..Self::of_tree(claims) }
    }

    /// Claims of more than one source, which have no text.
    pub fn of_tree(claims: Claims) -> Self {
        Self { tree: OnceCell::from(claims), ..Self::default() }
    }

    /// The same claims as text, once. `None` if there is none.
    pub fn take_text(&self) -> Option<Self> {
        let mut text = self.text.take();
        if text.is_empty() {
            return None;
        }
        text.shrink_to_fit();
        let id = self.id().map(Into::into);
        let actors = self.actors().map(Into::into).collect();
        Some(Self { text: Cell::new(text), tree: OnceCell::new(), id, actors })
    }

    /// All claims. If they are text, they are read, and stay.
    pub fn all(&self) -> &Claims {
        // The same bytes were read before, so it is never the default.
        self.tree.get_or_init(|| Claims::parse(&self.text.take()).unwrap_or_default())
    }

    /// `jti`, if it is a string.
    pub fn id(&self) -> Option<&str> {
        match self.tree.get() {
            Some(claims) => claims.get("jti").and_then(Node::as_text),
            None => self.id.as_deref(),
        }
    }

    /// The subjects in `act`, from the outermost to the innermost.
    pub fn actors(&self) -> impl Iterator<Item = &str> {
        let read = self.tree.get().map(claims::actors);
        let known = self.tree.get().is_none().then(|| self.actors.iter().map(|actor| &**actor));
        read.into_iter().flatten().chain(known.into_iter().flatten())
    }

    /// The size in memory of what the claims take now, or as text with what records name, whichever is larger, in bytes.
    pub fn weight(&self) -> usize {
        let text = self.text.take();
        let (id, actors) = (self.id(), self.actors());
        let texts =
            id.into_iter().chain(actors).map(|text| size_of::<Box<str>>() + allocated(text.len())).sum::<usize>();
        let as_text = allocated(text.len()) + texts;
        self.text.set(text);
        as_text.max(self.tree.get().map_or(0, Claims::weight))
    }
}

/// Equal if the claims are, whether they were read or not.
impl PartialEq for KeptClaims {
    fn eq(&self, other: &Self) -> bool {
        self.all() == other.all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_the_same_as_text_and_after_they_are_read() {
        let text = br#"{"jti":"t-1","n":[1,{"a":null}],"act":{"sub":"one","act":{"sub":"two"}}}"#;
        let tree = Claims::parse(text).unwrap();
        let facts = |kept: &KeptClaims| {
            let actors: Vec<_> = kept.actors().map(str::to_owned).collect();
            (kept.id().map(str::to_owned), actors)
        };
        let first = KeptClaims::of_text(text.to_vec(), tree.clone());
        let expected = (Some("t-1".to_owned()), vec!["one".to_owned(), "two".to_owned()]);
        let kept = first.take_text().unwrap();
        for claims in [&first, &kept, &KeptClaims::of_tree(tree.clone())] {
            for _ in 0..2 {
                assert_eq!(facts(claims), expected);
                assert_eq!(claims.all(), &tree);
            }
        }
        assert!(first.take_text().is_none() && kept.take_text().is_none());
    }

    #[test]
    fn claims_weigh_the_larger_of_text_and_tree() {
        let weight = |text: &[u8]| {
            let tree = || Claims::parse(text).unwrap();
            (KeptClaims::of_text(text.to_vec(), tree()).weight(), tree().weight())
        };
        let (kept, tree) = weight(br#"{"a":[[[[1]]],[[[2]]],[[[3]]]]}"#);
        assert_eq!(kept, tree);
        let blank = format!("{{{}}}", " ".repeat(10_000));
        let (kept, tree) = weight(blank.as_bytes());
        assert!(kept >= blank.len() && tree < blank.len(), "{kept}, {tree}");
    }
}
