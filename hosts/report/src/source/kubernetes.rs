//! The Kubernetes objects of a file, by kind and name.

use std::fmt;

use super::{Spot, Value};

/// A Kubernetes object.
#[derive(Clone, Copy)]
pub struct Object<'d> {
    pub kind: &'d str,
    pub namespace: &'d str,
    pub name: &'d str,
    pub spot: &'d Spot,
}

impl fmt::Display for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            "" => f.write_str(self.kind),
            name => write!(f, "{} {}/{name}", self.kind, self.namespace),
        }
    }
}

impl<'d> Object<'d> {
    /// The object in a document, if the document is one.
    pub fn of(spot: &'d Spot) -> Option<Self> {
        let kind = spot.member("kind")?.text()?;
        let text = |path| at(spot, path).and_then(Spot::text);
        let namespace = text("metadata.namespace").unwrap_or("default");
        Some(Self { kind, namespace, name: text("metadata.name").unwrap_or_default(), spot })
    }

    /// The value at a path of names, such as `spec.failStrategy`.
    pub fn at(&self, path: &str) -> Option<&'d Spot> {
        at(self.spot, path)
    }

    /// The items of the list at a path.
    pub fn items(&self, path: &str) -> &'d [Spot] {
        self.at(path).map(Spot::items).unwrap_or_default()
    }

    /// Whether the list at `path` holds a reference to an object of this kind and name in this object's namespace.
    pub fn refers(&self, path: &str, kind: &str, namespace: &str, name: &str) -> bool {
        let is_meant = |reference: &Spot| {
            let is = |member, default, value| {
                reference.member(member).map_or(default, |own| own.text().unwrap_or_default()) == value
            };
            is("kind", kind, kind) && is("name", "", name) && is("namespace", self.namespace, namespace)
        };
        self.items(path).iter().any(is_meant)
    }
}

/// The value at a path of names.
pub fn at<'d>(spot: &'d Spot, path: &str) -> Option<&'d Spot> {
    path.split('.').try_fold(spot, |spot, name| spot.member(name))
}

/// Replaces each list of objects, which is what `kubectl get` prints, with the objects.
pub fn unlisted(documents: Vec<Spot>) -> Vec<Spot> {
    let is_list = |document: &Spot| document.member("kind").and_then(Spot::text).is_some_and(|kind| kind == "List");
    let unlist = |document: Spot| match document.member("items").map(|items| &items.value) {
        Some(Value::List(items)) if is_list(&document) => items.clone(),
        _ => vec![document],
    };
    documents.into_iter().flat_map(unlist).collect()
}
