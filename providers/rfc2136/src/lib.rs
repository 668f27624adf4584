//! DNS UPDATE (RFC 2136) with TSIG as a name service, for BIND, Knot and PowerDNS.
