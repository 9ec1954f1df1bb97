//! Who may do what: the roles of people, the scopes of API tokens, and the rights that a page, a button or a route of the
//! API asks for. Pure and whole: every pair is decided here, and nowhere else. Asked by the faces' guard.

use utoipa::ToSchema;

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// Look at bookings, runs, rules, connections.
    See,
    /// Act on what is under way: try again, cancel, pause, resume, apply.
    Operate,
    /// Write and publish rules.
    ChangeRules,
    /// Make and change connections and sources, with their secrets.
    Connect,
    /// Settings of the whole installation: alerts, retention, masking, export and erasure, backups.
    Settings,
    /// People, API tokens, the audit log.
    People,
    /// Read the figures for monitoring.
    Metrics,
    /// Look after one's own account.
    Own,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::See,
        Self::Operate,
        Self::ChangeRules,
        Self::Connect,
        Self::Settings,
        Self::People,
        Self::Metrics,
        Self::Own,
    ];
}

/// What a person is here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum Role {
    /// Sees everything, changes nothing.
    #[default]
    Viewer,
    /// Works with bookings, rules and connections.
    Editor,
    /// Looks after people and settings too.
    Admin,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Editor, Self::Admin];

    /// As stored and as the command line takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }

    /// The role of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Whether somebody of this role may do that.
    pub fn allows(self, right: Right) -> bool {
        match right {
            Right::See | Right::Metrics | Right::Own => true,
            Right::Operate | Right::ChangeRules | Right::Connect => self >= Self::Editor,
            Right::Settings | Right::People => self >= Self::Admin,
        }
    }
}

/// What an API token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum Scope {
    /// Whatever a viewer sees.
    Read,
    /// Whatever an editor does, and reading.
    Write,
    /// Whatever an admin does, and all of the others.
    Admin,
    /// The figures for monitoring, and nothing else.
    Metrics,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Admin, Self::Metrics];

    /// As stored and as a form sends it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
            Self::Metrics => "metrics",
        }
    }

    /// The scope of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }

    /// Whether a token with this scope may do that. A token has no account of its own to look after.
    pub fn allows(self, right: Right) -> bool {
        if right == Right::Own {
            return false;
        }
        match self {
            Self::Read => right == Right::See,
            Self::Write => right == Right::See || (right != Right::Metrics && Role::Editor.allows(right)),
            Self::Admin => true,
            Self::Metrics => right == Right::Metrics,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Right, Role, Scope};

    #[test]
    fn each_role_may_what_its_name_says() {
        let told = |allows: &dyn Fn(Right) -> bool| -> Vec<Right> {
            Right::ALL.into_iter().filter(|right| allows(*right)).collect()
        };
        use Right::{ChangeRules, Connect, Metrics, Operate, Own, People, See, Settings};
        assert_eq!(told(&|right| Role::Viewer.allows(right)), [See, Metrics, Own]);
        assert_eq!(
            told(&|right| Role::Editor.allows(right)),
            [See, Operate, ChangeRules, Connect, Metrics, Own]
        );
        assert_eq!(told(&|right| Role::Admin.allows(right)), Right::ALL);
        assert_eq!(told(&|right| Scope::Read.allows(right)), [See]);
        assert_eq!(told(&|right| Scope::Write.allows(right)), [See, Operate, ChangeRules, Connect]);
        assert_eq!(
            told(&|right| Scope::Admin.allows(right)),
            [See, Operate, ChangeRules, Connect, Settings, People, Metrics]
        );
        assert_eq!(told(&|right| Scope::Metrics.allows(right)), [Metrics]);
    }

    #[test]
    fn names_are_read_back() {
        assert!(Role::ALL.into_iter().all(|role| Role::parse(role.as_str()) == Some(role)));
        assert!(Scope::ALL.into_iter().all(|scope| Scope::parse(scope.as_str()) == Some(scope)));
        assert_eq!((Role::parse("Admin"), Scope::parse("")), (None, None));
    }
}
