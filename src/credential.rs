//! The places where a credential can be written: one list, emptied on the way in and on the way out.
//!
//! A client's key must reach no backend, and a backend's key no client. Which header a request's
//! key comes in is the client's choice, so every known place is emptied, also where no `clients`
//! are configured: a caller that meant its key for Azure must not show it to every backend of a
//! pool. An answer is emptied by the same list: a backend that echoes its request, or redirects with
//! its key in the address, must not show our key.
//!
//! Names of headers are in lower case, as Envoy has them. Those of parameters are compared without
//! regard to case, after decoding.

/// The known name of a header, or of a trailer, that carries a credential; `None` where it is none.
pub fn header(name: &str) -> Option<&'static str> {
    HEADERS.into_iter().find(|known| *known == name)
}

/// Whether a parameter of this name, decoded, carries a credential. Cookies are held to the same
/// names.
pub fn is_parameter(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    PARAMETERS.into_iter().any(|known| known.as_bytes() == name)
}

/// The header with which Azure OpenAI is called, and so a client's too.
pub const API_KEY: &str = "api-key";

/// The header with which everything else is called.
pub const AUTHORIZATION: &str = "authorization";

/// Headers: of Azure OpenAI, OpenAI, Anthropic, API Management, proxies, Azure Functions and Google.
pub const HEADERS: [&str; 11] = [
    API_KEY,
    AUTHORIZATION,
    "x-api-key",
    "proxy-authorization",
    "ocp-apim-subscription-key",
    "subscription-key",
    "apikey",
    "x-auth-token",
    "x-access-token",
    "x-functions-key",
    "x-goog-api-key",
];

/// Parameters of a query: those that carry what the headers do, and the token of RFC 6750 §2.3.
pub const PARAMETERS: [&str; 11] = [
    "api-key",
    "api_key",
    "apikey",
    "x-api-key",
    "subscription-key",
    "subscription_key",
    "ocp-apim-subscription-key",
    "authorization",
    "access_token",
    "access-token",
    "key",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn a_place_is_known() {
        assert_eq!(header("api-key"), Some("api-key"));
        assert_eq!(header("x-spillway"), None);
        assert!(is_parameter(b"Ocp-Apim-Subscription-Key"));
        assert!(!is_parameter(b"api-version"));
    }
}
