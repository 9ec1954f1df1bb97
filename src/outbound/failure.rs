//! Why a call came to nothing, as a sentence with a way out, and whether it may have been done all the same. Called by
//! the adapter for every error that reqwest gives. Messages name host and port, never the rest of the URL.

use super::resolver::{NoAddress, PrivateAddress};
use crate::ports::OutboundFailure;
use std::error::Error;
use std::io;

/// The call itself failed, before its answer began.
pub(super) fn of_call(error: &reqwest::Error, place: &str) -> OutboundFailure {
    if error.is_builder() {
        return OutboundFailure::NotSent(format!(
            "The call to {place} could not be made: {}.",
            innermost(error)
        ));
    }
    if error.is_connect() {
        return of_connecting(error, place);
    }
    OutboundFailure::Unknown(format!(
        "The connection to {place} broke before an answer came ({}); it may have been done all the same.",
        innermost(error)
    ))
}

/// The answer broke off.
pub(super) fn of_answer(error: &reqwest::Error, place: &str) -> OutboundFailure {
    OutboundFailure::Unknown(format!(
        "The answer of {place} broke off ({}); it may have been done all the same.",
        innermost(error)
    ))
}

/// The whole time was used up.
pub(super) fn too_slow(place: &str, timeout_ms: u64) -> OutboundFailure {
    OutboundFailure::Unknown(format!(
        "{place} did not answer in full within {}; it may have been done all the same.",
        duration(timeout_ms)
    ))
}

/// A private address where none is allowed.
pub(super) fn private_address(refused: &PrivateAddress, place: &str) -> OutboundFailure {
    let address = refused.address;
    let leads = if place.contains(&address.to_string()) {
        format!("{place} was not called: {refused}")
    } else {
        format!(
            "{place} was not called: its name leads to {address}, which is an address of a private network"
        )
    };
    OutboundFailure::NotSent(format!(
        "{leads}. If that is meant, tick “It is in a private network” in its settings (in a file: allow_private: true)."
    ))
}

/// No connection came about.
fn of_connecting(error: &reqwest::Error, place: &str) -> OutboundFailure {
    if let Some(refused) = find::<PrivateAddress>(error) {
        return private_address(refused, place);
    }
    let why = if error.is_dns() || find::<NoAddress>(error).is_some() {
        format!(
            "The name of {place} is not known ({}). Look at its spelling in the connection, and at this machine's DNS.",
            innermost(error)
        )
    } else if let Some(tls) = find::<rustls::Error>(error) {
        of_tls(tls, place)
    } else if error.is_timeout() {
        format!(
            "{place} did not take the connection in time. It may be down, or a firewall may be in the way."
        )
    } else if find::<io::Error>(error).is_some_and(|io| io.kind() == io::ErrorKind::ConnectionRefused) {
        format!("{place} refused the connection. Nothing listens there, or a firewall refuses.")
    } else {
        format!("No connection to {place} came about ({}).", innermost(error))
    };
    OutboundFailure::NotSent(why)
}

fn of_tls(error: &rustls::Error, place: &str) -> String {
    match error {
        rustls::Error::InvalidCertificate(_) => format!(
            "The certificate of {place} was not accepted ({error}). Where the server has one of an authority of your \
             own, add that to this machine's certificates."
        ),
        rustls::Error::InvalidMessage(_) => format!(
            "{place} does not speak TLS ({error}). Look whether the connection's base_url must begin with http://."
        ),
        _ => format!("No secure connection to {place} came about ({error})."),
    }
}

/// The next cause. What an `io::Error` wraps it does not give as its source, only what lies below that.
fn cause<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// The first error of a kind in a chain.
fn find<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = cause(error);
    }
    None
}

/// The last cause of a chain, which says most and holds no URL (reqwest's own outermost text would).
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = cause(last) {
        last = next;
    }
    match last.downcast_ref::<reqwest::Error>() {
        Some(_) => "no cause was given".to_owned(),
        None => last.to_string().trim_end_matches('.').to_owned(),
    }
}

fn duration(ms: u64) -> String {
    if ms.is_multiple_of(1_000) { format!("{} s", ms / 1_000) } else { format!("{ms} ms") }
}
