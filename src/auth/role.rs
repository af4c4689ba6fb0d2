//! Roles and what they may do.

use super::Scope;
use serde::{Deserialize, Serialize};

/// What the bearer of a token is to the hospital.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A wall display.
    Wall,
    /// Somebody who fetches things.
    Porter,
    /// Somebody who sends people; the only one who may ask where they are.
    Coordinator,
    /// Somebody who asks what things are used for.
    Manager,
    /// Somebody who looks after tags, readers and Spor.
    Engineer,
    /// Somebody who keeps the registry of things and badges.
    Admin,
}

/// Something that not everybody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// See equipment as it is now, and the building.
    SeeEquipment,
    /// See tags, and where equipment was and what happened to it.
    Trace,
    /// See how many of a role were where, never who.
    SeePresence,
    /// Ask where people are now, for a stated purpose, on record.
    FindPeople,
    /// See who asked where people were, when and what for.
    SeeLookups,
    /// Claim equipment that one fetches, and say by hand what it is doing.
    Handle,
    /// Take alerts on, and say that they are settled.
    AnswerAlerts,
    /// Change assets and their tags.
    KeepAssets,
    /// Change how many of a class should stand ready where.
    KeepPar,
    /// Change pseudonyms, their roles and badges.
    KeepPeople,
    /// See what was refused, and why.
    Diagnose,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The name of the token.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// What of the equipment it may see.
    pub scope: Scope,
}

impl Role {
    /// All, in the order of their declaration.
    pub const ALL: [Self; 6] =
        [Self::Wall, Self::Porter, Self::Coordinator, Self::Manager, Self::Engineer, Self::Admin];

    /// The table: what each role may do. An administrator keeps badges and sees who looked people
    /// up, but can't look anybody up.
    fn permissions(self) -> &'static [Permission] {
        use Permission::{
            AnswerAlerts, Diagnose, FindPeople, Handle, KeepAssets, KeepPar, KeepPeople,
            SeeEquipment, SeeLookups, SeePresence, Trace,
        };
        match self {
            Self::Wall => &[SeeEquipment],
            Self::Porter => &[SeeEquipment, Trace, Handle],
            Self::Coordinator => &[
                SeeEquipment,
                Trace,
                SeePresence,
                FindPeople,
                SeeLookups,
                Handle,
                AnswerAlerts,
                KeepPeople,
            ],
            Self::Manager => &[SeeEquipment, Trace, SeePresence, AnswerAlerts, KeepPar],
            Self::Engineer => &[SeeEquipment, Trace, Handle, AnswerAlerts, KeepAssets, Diagnose],
            Self::Admin => &[
                SeeEquipment,
                Trace,
                SeePresence,
                SeeLookups,
                Handle,
                AnswerAlerts,
                KeepAssets,
                KeepPar,
                KeepPeople,
                Diagnose,
            ],
        }
    }

    /// True when a bearer of this role may do that.
    #[must_use]
    pub fn may(self, permission: Permission) -> bool {
        self.permissions().contains(&permission)
    }

    /// The role as it stands in files and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wall => "wall",
            Self::Porter => "porter",
            Self::Coordinator => "coordinator",
            Self::Manager => "manager",
            Self::Engineer => "engineer",
            Self::Admin => "admin",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl Permission {
    /// All, in the order of their declaration.
    pub const ALL: [Self; 11] = [
        Self::SeeEquipment,
        Self::Trace,
        Self::SeePresence,
        Self::FindPeople,
        Self::SeeLookups,
        Self::Handle,
        Self::AnswerAlerts,
        Self::KeepAssets,
        Self::KeepPar,
        Self::KeepPeople,
        Self::Diagnose,
    ];

    /// What anybody on this machine may do while Spor is open: all but what is about persons.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(
            self,
            Self::SeeEquipment
                | Self::Trace
                | Self::Handle
                | Self::AnswerAlerts
                | Self::KeepAssets
                | Self::KeepPar
                | Self::Diagnose
        )
    }

    /// True where it is about changing something.
    #[must_use]
    pub fn is_change(self) -> bool {
        matches!(
            self,
            Self::Handle | Self::AnswerAlerts | Self::KeepAssets | Self::KeepPar | Self::KeepPeople
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_coordinator_may_find_people() {
        let finders: Vec<_> =
            Role::ALL.into_iter().filter(|role| role.may(Permission::FindPeople)).collect();
        assert_eq!(finders, [Role::Coordinator]);
    }

    #[test]
    fn nothing_about_persons_is_open() {
        for closed in [
            Permission::SeePresence,
            Permission::FindPeople,
            Permission::SeeLookups,
            Permission::KeepPeople,
        ] {
            assert!(!closed.is_open(), "{closed:?}");
        }
    }

    #[test]
    fn a_wall_sees_what_is_now_and_does_nothing() {
        let may = |permission: &Permission| Role::Wall.may(*permission);
        let all: Vec<_> = Permission::ALL.into_iter().filter(may).collect();
        assert_eq!(all, [Permission::SeeEquipment]);
        assert!(!Role::Manager.may(Permission::Handle));
        assert!(Role::Porter.may(Permission::Handle) && Role::Porter.may(Permission::Trace));
    }

    #[test]
    fn who_sends_people_or_looks_after_things_answers_alerts() {
        let may: Vec<_> =
            Role::ALL.into_iter().filter(|role| role.may(Permission::AnswerAlerts)).collect();
        assert_eq!(may, [Role::Coordinator, Role::Manager, Role::Engineer, Role::Admin]);
    }

    #[test]
    fn managers_and_admins_set_par_levels() {
        let may: Vec<_> =
            Role::ALL.into_iter().filter(|role| role.may(Permission::KeepPar)).collect();
        assert_eq!(may, [Role::Manager, Role::Admin]);
    }

    #[test]
    fn every_role_is_read_back() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
            assert!(role.may(Permission::SeeEquipment));
        }
        assert_eq!(Role::parse("root"), None);
    }
}
