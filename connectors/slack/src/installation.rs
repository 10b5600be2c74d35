//! Which app in which workspace we are. What comes from another is not for us. It must not know tokens.

use hearback_core::{ChannelId, ChatUserId};

/// The id can't be Slack's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is one capital letter ({1}) and capital letters or digits; it stands on the app's page or in the workspace's address"
)]
pub struct BadInstallation(&'static str, &'static str);

/// Our app in one workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    team: String,
    app: String,
    bot_user: String,
}

impl Installation {
    /// The app `app` (`A…`), installed in the workspace `team` (`T…`), where it is the user `bot_user` (`U…`).
    ///
    /// # Errors
    /// [`BadInstallation`] says which of them can't be.
    pub fn new(team: &str, app: &str, bot_user: &str) -> Result<Self, BadInstallation> {
        let check = |what, first: &'static str, id: &str| {
            let fits = id.starts_with(|c| first.contains(c))
                && (2..=40).contains(&id.len())
                && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
            if fits { Ok(id.to_owned()) } else { Err(BadInstallation(what, first)) }
        };
        Ok(Installation {
            team: check("the id of a workspace", "T", team)?,
            app: check("the id of an app", "A", app)?,
            bot_user: check("the id of the copilot's user", "UW", bot_user)?,
        })
    }

    /// The workspace's id.
    pub fn team(&self) -> &str {
        &self.team
    }

    /// The app's id.
    pub fn app(&self) -> &str {
        &self.app
    }

    /// The id of the copilot's own user.
    pub fn bot_user(&self) -> &str {
        &self.bot_user
    }

    /// A channel of this workspace, if Slack's id of it can be one.
    pub(crate) fn channel(&self, id: &str) -> Option<ChannelId> {
        ChannelId::new(format!("slack:{}:{id}", self.team))
            .ok()
            .filter(|channel| self.slack_id(channel).is_some())
    }

    /// Somebody. A person of another workspace, in a channel that both share, is somebody of that workspace.
    pub(crate) fn user(&self, id: &str, team: Option<&str>) -> Option<ChatUserId> {
        let team = team.unwrap_or(&self.team);
        if is_id(team) && is_id(id) { ChatUserId::new(format!("slack:{team}:{id}")).ok() } else { None }
    }

    /// Slack's id of a channel, if it is one of this workspace.
    pub(crate) fn slack_id<'a>(&self, channel: &'a ChannelId) -> Option<&'a str> {
        let id =
            channel.as_str().strip_prefix("slack:")?.strip_prefix(self.team.as_str())?.strip_prefix(':')?;
        is_id(id).then_some(id)
    }

    /// Slack's id of somebody, guests of another workspace too.
    pub(crate) fn slack_user<'a>(&self, user: &'a ChatUserId) -> Option<&'a str> {
        let (_, id) = user.as_str().strip_prefix("slack:")?.split_once(':')?;
        is_id(id).then_some(id)
    }
}

fn is_id(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_can_not_be_slacks_are_refused() {
        assert!(Installation::new("T024BE7LD", "A0KRD7HC3", "U0G9QF9C6").is_ok());
        for (team, app, user) in [
            ("", "A1", "U1"),
            ("E1", "A1", "U1"),
            ("T1", "B1", "U1"),
            ("T1", "A1", "B1"),
            ("T1:C1", "A1", "U1"),
            ("t1", "A1", "U1"),
        ] {
            assert!(Installation::new(team, app, user).is_err(), "{team} {app} {user}");
        }
    }

    #[test]
    fn a_channel_of_another_workspace_or_system_is_none_of_ours() {
        let ours = Installation::new("T1", "A1", "U1").unwrap();
        let check = |channel: &str, expect: Option<&str>| {
            assert_eq!(ours.slack_id(&ChannelId::new(channel).unwrap()), expect, "{channel}");
        };
        check("slack:T1:C1", Some("C1"));
        check("slack:T11:C1", None);
        check("slack:T2:C1", None);
        check("mattermost:T1:C1", None);
        check("slack:T1:C1:C2", None);
        assert_eq!(ours.channel("C1:C2"), None);
        assert_eq!(ours.user("U2:U3", None), None);
        assert_eq!(ours.user("U2", Some("T2")).unwrap().as_str(), "slack:T2:U2");
    }
}
