//! HTTP and TCP checks of a side.
