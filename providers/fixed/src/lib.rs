//! Addresses written in the configuration as a side's address book.
