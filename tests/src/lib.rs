//! In-memory fakes of every port, and the contracts that every provider of a port keeps.
