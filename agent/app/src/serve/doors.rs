//! Who may come in. What a handler needs stands in its arguments, so that no handler can forget to ask: `Allowed<R>`
//! for a right, `InIncident<R>` for a right inside the incident that the path names, `Sent<T>` for a JSON body.

use std::marker::PhantomData;
use std::sync::Arc;

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::{Operation, SecurityRequirement};
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use hearback_core::access::{Reach, Right, Token};
use hearback_core::{ExternalText, IncidentId};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problem::Problem;
use super::service::Service;

/// A right, as a type.
pub trait Needs: std::marker::Send + Sync + 'static {
    /// Which.
    const RIGHT: Right;
}

macro_rules! needs {
    ($($name:ident),*) => {
        $(#[doc = concat!("The right [`Right::", stringify!($name), "`].")]
        pub struct $name;

        impl Needs for $name {
            const RIGHT: Right = Right::$name;
        })*
    };
}
needs!(Read, Respond, Send, Approve);

/// The name of the security scheme in the OpenAPI description.
pub const SCHEME: &str = "token";

/// Somebody who has the right `R`.
pub struct Allowed<R> {
    /// Their token.
    pub token: Token,
    right: PhantomData<R>,
}

/// Somebody who has the right `R` everywhere: what is not of one incident is not for tokens that reach some alone.
pub struct Everywhere<R> {
    /// Their token.
    pub token: Token,
    right: PhantomData<R>,
}

/// Somebody who has the right `R` in the incident that the path names.
pub struct InIncident<R> {
    /// Their token.
    pub token: Token,
    /// The incident.
    pub id: IncidentId,
    right: PhantomData<R>,
}

/// Finds the token of a request and checks that it holds now.
///
/// # Errors
/// 401, in one sentence.
pub async fn admit(service: &Service, headers: &HeaderMap) -> Result<Token, Problem> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let text = value
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, text)| text.trim())
        .ok_or_else(|| Problem::nobody("send a token: Authorization: Bearer hb_…"))?;
    let unknown = || Problem::nobody(hearback_core::access::Refused::Unknown.to_string());
    let id = Token::id_in(text).ok_or_else(unknown)?;
    let token = service.parts.record.token(id).await?.ok_or_else(unknown)?;
    token.admit(text, Timestamp::now()).map_err(|refused| Problem::nobody(refused.to_string()))?;
    Ok(token)
}

async fn admit_with<R: Needs>(service: &Service, headers: &HeaderMap) -> Result<Token, Problem> {
    let token = admit(service, headers).await?;
    if token.may(R::RIGHT) {
        return Ok(token);
    }
    let says = format!("this token may not {}; ask for one that may: hearback token add", R::RIGHT);
    Err(Problem::forbidden(says))
}

/// Refuses a token that does not reach an incident. It does not tell whether there is one.
///
/// # Errors
/// 403, in one sentence.
pub fn reaches(token: &Token, id: &IncidentId) -> Result<(), Problem> {
    if token.reaches(id) {
        return Ok(());
    }
    Err(Problem::forbidden(format!("this token does not reach {id}")))
}

impl<R: Needs> FromRequestParts<Arc<Service>> for Allowed<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Problem> {
        let token = admit_with::<R>(service, &parts.headers).await?;
        Ok(Allowed { token, right: PhantomData })
    }
}

impl<R: Needs> FromRequestParts<Arc<Service>> for Everywhere<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Problem> {
        let token = admit_with::<R>(service, &parts.headers).await?;
        match token.reach {
            Reach::AllIncidents => Ok(Everywhere { token, right: PhantomData }),
            Reach::Incidents(_) => {
                Err(Problem::forbidden("this token reaches named incidents only, and this is not about one"))
            }
        }
    }
}

impl<R> OperationInput for Everywhere<R> {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        needs_token(operation);
    }
}

impl<R: Needs> FromRequestParts<Arc<Service>> for InIncident<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Problem> {
        // Who is nobody learns nothing, not even whether the path is well formed.
        let token = admit_with::<R>(service, &parts.headers).await?;
        // By its name: the path may name more.
        let Path(IncidentPath { id }) = Path::from_request_parts(parts, service)
            .await
            .map_err(|_| Problem::missing("there is no such page"))?;
        let id = IncidentId::new(id.to_ascii_uppercase()).map_err(|error| Problem::bad(error.to_string()))?;
        reaches(&token, &id)?;
        Ok(InIncident { token, id, right: PhantomData })
    }
}

fn needs_token(operation: &mut Operation) {
    let scheme: SecurityRequirement = [(SCHEME.to_owned(), Vec::new())].into_iter().collect();
    if !operation.security.contains(&scheme) {
        operation.security.push(scheme);
    }
}

impl<R> OperationInput for Allowed<R> {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        needs_token(operation);
    }
}

impl<R> OperationInput for InIncident<R> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        needs_token(operation);
        Path::<IncidentPath>::operation_input(ctx, operation);
    }
}

#[derive(Deserialize, JsonSchema)]
struct IncidentPath {
    /// The incident: INC-17.
    id: String,
}

/// What stands after the question mark.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Service>> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Problem> {
        let read = Query::<T>::from_request_parts(parts, service).await;
        let wrong = |rejection: QueryRejection| Problem::bad(rejection.body_text());
        read.map(|Query(value)| Asked(value)).map_err(wrong)
    }
}

impl<T: JsonSchema> OperationInput for Asked<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Query::<T>::operation_input(ctx, operation);
    }
}

/// What the path names.
pub struct InPath<T>(pub T);

impl<T: DeserializeOwned + std::marker::Send> FromRequestParts<Arc<Service>> for InPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Problem> {
        let read = Path::<T>::from_request_parts(parts, service).await;
        read.map(|Path(value)| InPath(value)).map_err(|_| Problem::missing("there is no such page"))
    }
}

impl<T: JsonSchema> OperationInput for InPath<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Path::<T>::operation_input(ctx, operation);
    }
}

/// A body of JSON.
pub struct Sent<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<Service>> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, Problem> {
        let kind = content_type(request.headers());
        if !(kind == "application/json" || kind.ends_with("+json")) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "send JSON: Content-Type: application/json",
            ));
        }
        let body = body(request, service).await?;
        serde_json::from_slice(&body).map(Sent).map_err(|error| Problem::bad(json_mistake(&error)))
    }
}

impl<T: JsonSchema> OperationInput for Sent<T> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        axum::Json::<T>::operation_input(ctx, operation);
    }
}

/// A body as it came, decompressed.
pub struct Raw(pub Bytes);

impl FromRequest<Arc<Service>> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, Problem> {
        body(request, service).await.map(Raw)
    }
}

impl OperationInput for Raw {}

async fn body(request: Request, service: &Arc<Service>) -> Result<Bytes, Problem> {
    Bytes::from_request(request, service).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "the body is larger than {} KiB; send it in parts",
                service.parts.config.serve.max_body / 1024
            ),
        ),
        _ => Problem::bad("the body could not be read: it broke off or is not compressed as its header says"),
    })
}

/// The media type of a body, in lower case and without its parameters.
pub fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// What is wrong with JSON, without quoting it at length.
pub fn json_mistake(error: &serde_json::Error) -> String {
    ExternalText::new(format!("the body is not the JSON it should be: {error}")).for_people(300)
}
