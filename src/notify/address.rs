//! Resolves the names of endpoints, each time anew, to public addresses only. The connection goes
//! to the address that was checked. Without this a client could make the service send requests
//! inside its own network.
//!
//! An address in a URL is not resolved: [`CallbackUrl`](crate::domain::CallbackUrl) checks it.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::domain::is_public;

/// The names that this machine knows.
#[derive(Debug)]
pub struct System;

impl Resolve for System {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            // Held in a list: the iterator of tokio borrows nothing, but its type does not say so.
            let found: Vec<SocketAddr> = found.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Another resolver, without the addresses that are not public.
pub(super) struct PublicOnly(pub(super) Arc<dyn Resolve>);

/// A name leads to none but private addresses.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the name leads to no public address")]
pub(super) struct Private;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let resolving = self.0.resolve(name);
        Box::pin(async move {
            let public: Vec<SocketAddr> = resolving
                .await?
                .filter(|address| is_public(address.ip()))
                .collect();
            if public.is_empty() {
                Err(Private.into())
            } else {
                Ok(Box::new(public.into_iter()) as Addrs)
            }
        })
    }
}
