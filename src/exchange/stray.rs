//! Requests for no resource.

use super::facts::Facts;
use super::request::RequestHead;
use super::step::{Effect, Env, Step};
use super::{Exchange, NO_RESOURCE};
use crate::audit::Event;
use crate::reply::Refusal;
use crate::routes::shown;

impl Exchange {
    /// Refuses a request for no resource. Its sender, or whoever configured the gate, may have mistyped a URL.
    #[inline(never)]
    pub(super) fn stray(&mut self, head: &RequestHead, env: &mut Env<'_>) -> Step {
        let (routes, host, target) = (&env.config.routes, head.host(), head.target());
        let near = routes.resembling(host, target).filter(|_| env.limits.look_alikes.take(env.now));
        let nearest = if env.limits.strays.take(env.now) { routes.nearest(host, target) } else { None };
        let mut step = self.refuse(&Facts::near(head, near), Refusal::NotFound, env);
        let resource = nearest.and_then(|nearest| env.config.resources.get(nearest.resource));
        if let (Some(nearest), Some(resource), Some(Effect::Record(record, _))) =
            (nearest, resource, step.effects.first())
        {
            let resource = resource.identifier.as_str();
            let detail = format!("{} matches no resource: the nearest is {resource}, {nearest}", shown(host, target));
            let (decision_id, resource) = (Some(record.decision_id.as_str().to_owned()), Some(resource.to_owned()));
            let event = Event { decision_id, resource, ..Event::new(NO_RESOURCE, detail) };
            step.effects.insert(0, Effect::event(event));
        }
        step
    }
}
