//! Which calls go wrong, and how.

use std::collections::VecDeque;

/// Faults that wait for the call they are meant for. Each is used once, in the order in which they were planned; standing ones come
/// after those and stay until they are lifted.
#[derive(Debug)]
pub(super) struct Script<K, F> {
    planned: VecDeque<(K, F)>,
    standing: Vec<(K, F)>,
}

impl<K, F> Default for Script<K, F> {
    fn default() -> Self {
        Self { planned: VecDeque::new(), standing: Vec::new() }
    }
}

impl<K: PartialEq, F: Clone> Script<K, F> {
    pub(super) fn plan(&mut self, key: K, fault: F) {
        self.planned.push_back((key, fault));
    }

    pub(super) fn keep(&mut self, key: K, fault: F) {
        self.standing.push((key, fault));
    }

    pub(super) fn lift(&mut self) {
        self.planned.clear();
        self.standing.clear();
    }

    /// The fault that the next call by this key would get.
    pub(super) fn peek(&self, key: &K) -> Option<F> {
        let mut all = self.planned.iter().chain(&self.standing);
        all.find(|(of, _)| of == key).map(|(_, fault)| fault.clone())
    }

    /// The fault for a call that goes by any of these keys.
    pub(super) fn take(&mut self, keys: &[K]) -> Option<F> {
        match self.planned.iter().position(|(key, _)| keys.contains(key)) {
            Some(place) => self.planned.remove(place).map(|(_, fault)| fault),
            None => self.standing.iter().find(|(key, _)| keys.contains(key)).map(|(_, fault)| fault.clone()),
        }
    }
}
