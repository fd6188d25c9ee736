//! Lists in an answer. Each entry is decided as a call of it would be, and the server's tools are recorded.

use std::cell::RefCell;

use super::Answer;
use crate::drift::Page;
use crate::drift::asked::{AskedList, Unclaimed, canonical_id, name_of};
use crate::exchange::Env;
use crate::index::Index;
use crate::json::Object;
use crate::listing::{self, Filter, ListFault, Private, Schemes, Trimmed};
use crate::mcp::{Access, ListKind, MAX_TARGET};
use crate::policy::{Decider, Lists, Mode, Occasion, Outcome, Standing};
use crate::time::UnixTime;
use crate::uri::{check_template, check_uri};

impl Answer {
    /// The answer begins. A stream brings the list only if the server accepted the request without one (202).
    pub(super) fn expect_list(&mut self, status: u16, env: &mut Env<'_>) {
        self.may_approve = status == 200;
        match &self.asked {
            Some(asked) if status == 202 => env.drift.accepted(self.resource, asked),
            Some(asked) => env.drift.withdraw(self.resource, asked, env.now),
            None => {}
        }
    }

    /// Trims the lists in `body`, one JSON document, and records their tools.
    pub(super) fn trim<'b>(&mut self, body: &'b [u8], env: &mut Env<'_>) -> Result<Trimmed<'b>, ListFault> {
        let publishes = self.publishes(env);
        let (mut trimmed, entries) = self.trim_but(&Index::default(), body, env)?;
        let repeated = env.drift.repeated(self.resource, env.config, &trimmed.tools, env.now);
        if !repeated.is_empty() {
            (trimmed, _) = self.trim_but(&repeated, body, env)?;
        }
        if let Some(asked) = self.answered(&trimmed, env) {
            let page = Page {
                caller: &asked.caller,
                asked: asked.asked,
                cursor: asked.cursor.as_deref(),
                next: trimmed.next_cursor.as_deref(),
                lists: &trimmed.tools,
            };
            if publishes {
                env.drift.collect(self.resource, page, entries, env.now);
            }
            env.drift.page(self.resource, env.config, page, env.now);
        }
        Ok(trimmed)
    }

    /// Trims the lists in `body`. An entry with a name in `repeated` never counts as the approved tool. Also returns
    /// the entries of tools, if they may be published.
    fn trim_but<'b>(
        &self,
        repeated: &Index,
        body: &'b [u8],
        env: &mut Env<'_>,
    ) -> Result<(Trimmed<'b>, Vec<Vec<u8>>), ListFault> {
        let (depth, time_left, now) = (env.config.limits.depth, self.time_left(env.now), env.now);
        let Some(resource) = env.config.resources.get(self.resource) else { return Err(ListFault::Shape) };
        let publishes = self.publishes(env);
        let decider = resource.policy.for_caller(self.permit.caller());
        let entries = RefCell::new(Vec::new());
        let drift = RefCell::new(&mut *env.drift);
        let has_manifest = resource.manifest.is_some();
        let keeps = |kind, name: &str, entry: &[u8]| {
            if publishes && kind == ListKind::Tools {
                entries.borrow_mut().push(entry.to_vec());
            }
            let standing = match kind {
                ListKind::Tools if !has_manifest => Standing::Approved,
                ListKind::Tools if repeated.contains(name) => drift.borrow().standing(self.resource, env.config, name),
                ListKind::Tools => drift.borrow_mut().observe(self.resource, env.config, name, entry, now),
                _ => Standing::Approved,
            };
            keeps(&decider, kind, name, entry, &Occasion { standing, ..Occasion::at(now) })
        };
        // A stream may bring the answer to any request of its caller.
        let private = if self.expects.private || self.expects.stream { Private::All } else { Private::Lists };
        let schemes = |name: &str| {
            let alternatives = decider.alternatives(&Access::Tool(name));
            let alternatives: Vec<_> = alternatives.iter().map(|scopes| resource.asked_for(scopes)).collect();
            security_schemes(&alternatives)
        };
        let schemes = self.told_schemes.then_some(&schemes as Schemes<'_>);
        let filter = Filter { keeps: &keeps, schemes, private, ttl: time_left };
        let trimmed = listing::trim_by(filter, body, depth, env.lists)?;
        Ok((trimmed, entries.into_inner()))
    }

    /// The request that `list` answers, if the answer may prove that tools are as approved: a complete 200, the only
    /// answer, to a request for the list.
    fn answered(&mut self, list: &Trimmed<'_>, env: &mut Env<'_>) -> Option<AskedList> {
        if list.tools.is_empty() {
            return None;
        }
        let id = list.answers_one.and_then(canonical_id);
        let asked = match self.expects.stream {
            true => self.answered_on_stream(list, id?, env),
            // The first list decides: one that follows it, or goes before it, is not what was asked for.
            false => self.asked.take().filter(|asked| Some(&asked.id) == id.as_ref()),
        };
        asked.filter(|_| self.may_approve)
    }

    /// Like [`Self::answered`], if another worker may have forwarded the request.
    fn answered_on_stream(&self, list: &Trimmed<'_>, id: String, env: &mut Env<'_>) -> Option<AskedList> {
        let caller = name_of(self.permit.caller());
        let asked = env.drift.answered(self.resource, &caller, &id, env.now);
        if asked.is_none() && self.may_approve {
            let (next, lists) = (list.next_cursor.clone(), list.tools.clone());
            let list = Unclaimed { caller, id, next, lists, at: env.now };
            env.drift.unclaimed(self.resource, env.config, list, env.now);
        }
        asked
    }

    fn publishes(&self, env: &Env<'_>) -> bool {
        let publish = env.config.resources.get(self.resource).and_then(|resource| resource.publish.as_ref());
        let may_answer = self.asked.is_some() || self.expects.stream;
        publish.is_some() && may_answer && self.may_approve
    }

    /// The remaining lifetime of the caller's token, in milliseconds. Without a token, a list may be kept as long as the server
    /// says.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub(super) fn time_left(&self, now: UnixTime) -> u64 {
        ((self.permit.caller().expires_at() - now.as_numeric_date()).max(0.0) * 1000.0) as u64
    }
}

/// The `securitySchemes` of a tool that any of these sets of scopes opens, or that is public without any.
fn security_schemes(alternatives: &[Vec<String>]) -> String {
    let scheme = |kind, scopes: Option<&Vec<String>>| {
        let mut scheme = Object::new();
        scheme.text("type", Some(kind));
        if let Some(scopes) = scopes {
            scheme.list("scopes", scopes.iter().map(String::as_str));
        }
        scheme.finish()
    };
    let schemes: Vec<_> = alternatives.iter().map(|scopes| scheme("oauth2", Some(scopes))).collect();
    format!("[{}]", if schemes.is_empty() { scheme("noauth", None) } else { schemes.join(",") })
}

/// Whether an entry stays in its list, by the decision on its use.
fn keeps(decider: &Decider<'_>, kind: ListKind, name: &str, entry: &[u8], occasion: &Occasion<'_>) -> bool {
    let access = match kind {
        ListKind::Prompts => Access::Prompt(name),
        ListKind::Resources => Access::Resources(vec![name]),
        ListKind::Templates => Access::Template(name),
        ListKind::Tools => Access::Tool(name),
    };
    let is_sound = || match kind {
        ListKind::Resources => check_uri(name).is_ok(),
        ListKind::Templates => check_template(name).is_ok(),
        ListKind::Prompts | ListKind::Tools => true,
    };
    // An entry that no call could name is removed, except in shadow mode, where no denial is carried out.
    let is_short = name.len() <= MAX_TARGET;
    let (policy, is_shadow) = (decider.policy(), decider.mode() == Mode::Shadow);
    // No call may have such a name, so it is not decided on: the policy would read it once for each of its forms.
    if !is_short {
        return is_shadow && policy.is_shadow_only && !policy.closed;
    }
    match decider.outcome(&access, occasion) {
        Outcome::Allow => is_sound() || is_shadow,
        Outcome::ShadowDeny => true,
        // An entry that a step-up could unlock is offered. Notifications about it (an empty entry) are not.
        Outcome::Deny if policy.lists == Lists::Offer && !entry.is_empty() => {
            decider.is_step_up(&access, occasion) && (is_sound() || is_shadow)
        }
        Outcome::Deny => false,
    }
}
