//! Short ways to say what went wrong.

use switchover::port::DataError;

pub(crate) fn unfit(place: &str, why: &str, advice: &str) -> DataError {
    DataError::Unfit { place: place.to_owned(), why: why.to_owned(), advice: Some(advice.to_owned()) }
}

pub(crate) fn guarded(place: &str, why: &str, advice: &str) -> DataError {
    DataError::Guarded { place: place.to_owned(), why: why.to_owned(), advice: Some(advice.to_owned()) }
}

pub(crate) fn failed(place: &str, why: &str) -> DataError {
    DataError::Failed { place: place.to_owned(), why: why.to_owned() }
}

pub(crate) fn not_frozen(place: &str, why: &str) -> DataError {
    DataError::NotFrozen { place: place.to_owned(), why: why.to_owned() }
}
