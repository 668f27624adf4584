//! A whole hot-standby pair on loopback.
