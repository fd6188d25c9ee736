//! Typed indices: an issuer's index cannot be used to look up a resource, and no code can invent one.
//!
//! A [`ById`] table creates the ids of its entries. Ids remain valid for every table that was derived from the same
//! one with [`ById::map`], because no table ever loses an entry. A lookup returns an `Option`, so that an id of another
//! configuration cannot cause a panic.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// An issuer of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuerId(usize);

/// A resource of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceId(usize);

/// Conversions that only this file can make.
mod private {
    /// A typed index.
    pub trait Id: Copy {
        /// The id of the entry at `place`.
        fn at(place: usize) -> Self;
        /// The index.
        fn place(self) -> usize;
    }
}

use private::Id;

impl Id for IssuerId {
    fn at(place: usize) -> Self {
        Self(place)
    }

    fn place(self) -> usize {
        self.0
    }
}

impl Id for ResourceId {
    fn at(place: usize) -> Self {
        Self(place)
    }

    fn place(self) -> usize {
        self.0
    }
}

/// One entry per id, in configuration order.
#[derive(Clone, Debug)]
pub struct ById<I, T> {
    entries: Vec<T>,
    id: PhantomData<I>,
}

impl<I: Id, T> ById<I, T> {
    /// The entry of `id`.
    pub fn get(&self, id: I) -> Option<&T> {
        self.entries.get(id.place())
    }

    /// The entry of `id`, to change it.
    pub fn get_mut(&mut self, id: I) -> Option<&mut T> {
        self.entries.get_mut(id.place())
    }

    /// The ids of all entries, in order.
    pub fn ids(&self) -> impl Iterator<Item = I> + use<I, T> {
        (0..self.entries.len()).map(I::at)
    }

    /// All entries, each with its id.
    pub fn with_ids(&self) -> impl Iterator<Item = (I, &T)> {
        self.ids().zip(&self.entries)
    }

    /// The id of the first entry that meets `condition`.
    pub fn find(&self, condition: impl FnMut(&T) -> bool) -> Option<I> {
        self.entries.iter().position(condition).map(I::at)
    }

    /// A table with an entry for each entry of this one.
    pub fn map<'t, U>(&'t self, entry: impl FnMut(&'t T) -> U) -> ById<I, U> {
        self.entries.iter().map(entry).collect()
    }
}

impl<I: Id, T> ById<I, Option<T>> {
    /// The ids of the entries that are not `None`.
    pub fn present(&self) -> Vec<I> {
        self.with_ids().filter(|(_, entry)| entry.is_some()).map(|(id, _)| id).collect()
    }
}

impl<I, T> FromIterator<T> for ById<I, T> {
    fn from_iter<E: IntoIterator<Item = T>>(entries: E) -> Self {
        Self { entries: entries.into_iter().collect(), id: PhantomData }
    }
}

impl<I, T> IntoIterator for ById<I, T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<'t, I, T> IntoIterator for &'t ById<I, T> {
    type Item = &'t T;
    type IntoIter = std::slice::Iter<'t, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter()
    }
}

/// The entries in order.
impl<I, T> Deref for ById<I, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.entries
    }
}

/// Entries can change, but the table keeps its length.
impl<I, T> DerefMut for ById<I, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.entries
    }
}
