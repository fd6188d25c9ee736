//! Lists in an answer: each entry decided as its use would be, and what the server's tools are taken note of.

use std::cell::RefCell;

use super::Answer;
use crate::drift::{Learn, Page};
use crate::exchange::Env;
use crate::listing::{self, ListFault, Trimmed};
use crate::mcp::{ListKind, MAX_TARGET};
use crate::policy::{Access, Decider, Lists, Mode, Occasion, Outcome, Standing};
use crate::time::UnixTime;
use crate::uri::check_uri;

impl Answer {
    /// Trims the lists in `body`, one JSON document.
    pub(super) fn trim<'b>(&self, body: &'b [u8], env: &mut Env<'_>) -> Result<Trimmed<'b>, ListFault> {
        let (depth, time_left, now) = (env.config.limits.depth, self.time_left(env.now), env.now);
        let Some(resource) = env.config.resources.get(self.resource) else { return Err(ListFault::Shape) };
        let publishes = resource.publish.is_some();
        let decider = resource.policy.for_caller(&self.caller);
        let entries = RefCell::new(Vec::new());
        let drift = RefCell::new(&mut *env.drift);
        let keeps = |kind, name: &str, entry: &[u8]| {
            if publishes && kind == ListKind::Tools && self.learn == Learn::Yes {
                entries.borrow_mut().push(entry.to_vec());
            }
            let standing = match kind {
                ListKind::Tools => drift.borrow_mut().observe(self.resource, env.config, name, entry, self.learn),
                _ => Standing::Approved,
            };
            keeps(&decider, kind, name, entry, &Occasion { standing, ..Occasion::at(now) })
        };
        let trimmed = listing::trim(body, depth, time_left, env.lists, &keeps)?;
        if let (Some(cursor), Learn::Yes, true) = (&self.page, self.learn, trimmed.held_list) {
            let caller = [
                self.caller.issuer(),
                self.caller.subject().unwrap_or_default(),
                self.caller.client().unwrap_or_default(),
            ];
            let caller = caller.join("\n");
            let page = Page {
                caller: &caller,
                cursor: cursor.as_deref(),
                next: trimmed.next_cursor.as_deref(),
                lists: &trimmed.tools,
            };
            let drift = drift.into_inner();
            if publishes {
                drift.collect(self.resource, page, entries.into_inner(), now);
            }
            drift.page(self.resource, page);
        }
        Ok(trimmed)
    }

    /// How long the caller's token lives on, in milliseconds.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn time_left(&self, now: UnixTime) -> u64 {
        ((self.caller.expires_at() - now.as_numeric_date()).max(0.0) * 1000.0) as u64
    }
}

/// Whether an entry stays: the decision that using it would get.
fn keeps(decider: &Decider<'_>, kind: ListKind, name: &str, entry: &[u8], occasion: &Occasion<'_>) -> bool {
    let access = match kind {
        ListKind::Prompts => Access::Prompt(name),
        ListKind::Resources => Access::Resources(vec![name]),
        ListKind::Templates => Access::Template(name),
        ListKind::Tools => Access::Tool(name),
    };
    let is_uri = matches!(kind, ListKind::Resources | ListKind::Templates);
    // What a call could not even name goes, but where a denial would not be carried out.
    let nameable = || name.len() <= MAX_TARGET && !(is_uri && check_uri(name).is_err());
    let policy = decider.policy();
    match decider.outcome(&access, occasion) {
        Outcome::Allow => nameable() || policy.mode == Mode::Shadow,
        Outcome::ShadowDeny => true,
        // What a step-up could unlock is offered; news of it are for those who have it.
        Outcome::Deny if policy.lists == Lists::Offer && !entry.is_empty() => {
            decider.is_step_up(&access, occasion) && (nameable() || policy.mode == Mode::Shadow)
        }
        Outcome::Deny => false,
    }
}
