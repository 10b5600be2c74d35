//! The port: trying a patch on the branch that runs, from what was fetched last. It must not write anything.

use std::sync::Arc;

use async_trait::async_trait;
use git2::{ErrorCode, Oid};
use hearback_core::ids::ChangeId;
use hearback_core::patch::{Edit, PatchFit, PatchPreview, PatchTrial, check_edits};
use hearback_core::ports::ConnectorError;
use jiff::SignedDuration;

use crate::patch;
use crate::revert_site::Site;
use crate::reverts::{GitReverts, Own};
use crate::source::blocking;
use crate::stop::Stop;

#[async_trait]
impl PatchPreview for GitReverts {
    async fn try_patch(
        &self,
        change: &ChangeId,
        edits: &[Edit],
        budget: SignedDuration,
    ) -> Result<Option<PatchFit>, ConnectorError> {
        let Some(suspect) = self.own.commit(change) else { return Ok(None) };
        let (own, edits) = (Arc::clone(&self.own), edits.to_vec());
        blocking(budget, move |stop| trial(&own, suspect, &edits, stop)).await
    }
}

fn trial(own: &Own, suspect: Oid, edits: &[Edit], stop: &Stop) -> Result<Option<PatchFit>, ConnectorError> {
    let repository = own.repositories.open_apart()?;
    if repository.find_commit(suspect).is_err_and(|error| error.code() == ErrorCode::NotFound) {
        return Ok(None);
    }
    if let Err(why) = check_edits(edits) {
        return Ok(Some(PatchFit::Not(why.to_string())));
    }
    let site = Site::find(&repository, &own.options)?;
    let attempt = patch::attempt(&repository, suspect, site.tip(&repository)?, edits, stop)?;
    Ok(Some(match attempt.fit {
        Err(why) => PatchFit::Not(why),
        Ok(fitted) => PatchFit::Fits(PatchTrial {
            repository: own.name.clone(),
            branch: site.branch,
            expected: attempt.expected,
            diff: fitted.diff,
        }),
    }))
}
