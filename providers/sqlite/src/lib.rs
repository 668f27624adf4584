//! The journal of a pair in an SQLite file.
