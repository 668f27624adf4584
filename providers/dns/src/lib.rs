//! Ask DNS servers directly: authoritative read-back, public resolvers and DNS checks.
