//! Cloudflare DNS as a name service: one batch per zone, compared with a fresh read.
