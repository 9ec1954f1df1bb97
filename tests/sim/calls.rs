//! Calls between a claim and their answers: which arrive, which are done, and what comes back.

use crate::crm::{Caller, Told};
use crate::node::Turned;
use crate::sim::Sim;
use crate::weather::Fate;
use bytes::Bytes;
use waypost::delivery::{Answered, Ticket};
use waypost::ports::{Answer, OutboundFailure, OutboundRequest};

/// A call that went out.
pub struct Call {
    /// What belongs to it.
    pub ticket: Box<Ticket>,
    /// What is asked.
    pub request: OutboundRequest,
    /// The record that it writes.
    pub record: Option<String>,
    /// What will come back, once that is decided.
    pub result: Option<Result<Answer, OutboundFailure>>,
    /// Number of its effect, where the answer will tell of it.
    pub effect: Option<usize>,
}

impl Sim {
    /// Takes what a turn of delivery gave: calls go out.
    pub fn take_turned(&mut self, turned: Turned) {
        self.again_at = turned.again_at;
        if turned.settled + turned.moved + turned.calls.len() > 0 || turned.failed.is_some() {
            self.tell(format!(
                "delivery: {} settled, {} moved, {} calls{}",
                turned.settled,
                turned.moved,
                turned.calls.len(),
                turned.failed.map(|failed| format!(", {failed}")).unwrap_or_default()
            ));
        }
        let settling = std::mem::take(&mut self.settling);
        if turned.back.is_empty() {
            settling.into_iter().flatten().for_each(|effect| self.crm.effects[effect].known = true);
        } else {
            self.answers.extend(turned.back.into_iter().zip(settling));
        }
        for ready in turned.calls {
            let record = self.crm.record_of(&ready.request);
            if let Some(record) = &record
                && self.calls.iter().any(|call| call.record.as_ref() == Some(record))
            {
                self.wrong.push(format!("two calls to {record} are under way at once"));
            }
            self.tell(format!(
                "  {} {} for {} {}",
                ready.request.method,
                ready.request.url,
                ready.ticket.run_id(),
                ready.ticket.step_id()
            ));
            let call =
                Call { ticket: ready.ticket, request: ready.request, record, result: None, effect: None };
            self.calls.push(call);
        }
    }

    /// A call arrives, is answered, or gets lost.
    pub fn move_a_call(&mut self) {
        if self.calls.is_empty() {
            return;
        }
        let index = self.chance.below(self.calls.len());
        if self.calls[index].result.is_some() {
            let call = self.calls.swap_remove(index);
            if let Some(result) = call.result {
                let answered = Answered { ticket: call.ticket, result, duration_ms: 5 };
                self.answers.push((answered, call.effect));
            }
            return;
        }
        let down = self.down[usize::from(self.calls[index].request.url.starts_with("http://desk"))] > 0;
        let weights: Vec<u32> = self.weather.fates.iter().map(|(_, weight)| *weight).collect();
        let fate = match self.weather.fates[self.chance.weighted(&weights)].0 {
            Fate::RequestLost | Fate::NotSent if down => Fate::NotSent,
            _ if down => Fate::RequestLost,
            fate => fate,
        };
        self.call_goes(index, fate);
    }

    /// A call goes this way; its answer comes back later.
    pub fn call_goes(&mut self, index: usize, fate: Fate) {
        self.calls_gone += 1;
        let fate = match self.trouble_at {
            Some((at, trouble)) if at == self.calls_gone => trouble,
            _ => fate,
        };
        let call = self.calls.swap_remove(index);
        let run = call.ticket.run_id().to_string();
        let effects = self.crm.effects.len();
        let served =
            matches!(fate, Fate::Done | Fate::AnswerLost | Fate::BrokenAfter).then(|| self.serve(&call));
        let simple = |status: u16, headers: &[(&str, &str)], body: &str| Answer {
            status,
            headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            body: Bytes::from(body.to_owned()),
            cut: false,
        };
        let result = match fate {
            Fate::Done => {
                let (status, body) = served.unwrap_or((500, serde_json::Value::Null));
                Ok(simple(status, &[("content-type", "application/json")], &body.to_string()))
            }
            Fate::RequestLost | Fate::AnswerLost => Err(OutboundFailure::Unknown("no answer in time".into())),
            Fate::NotSent => Err(OutboundFailure::NotSent("no connection".into())),
            Fate::Throttled if self.chance.per_mille(500) => Ok(simple(429, &[("retry-after", "7")], "")),
            Fate::Throttled => Ok(simple(429, &[], "")),
            Fate::Broken | Fate::BrokenAfter => Ok(simple(500, &[], "broken")),
            Fate::Away => Ok(simple(503, &[("retry-after", "3")], "")),
            Fate::NeedsAuth => Ok(simple(401, &[], "")),
            Fate::Refused => {
                self.refused.insert(run.clone());
                Ok(simple(422, &[], "no such thing"))
            }
        };
        self.tell(format!("  the call of {run} {}: {fate:?}", call.ticket.step_id()));
        self.meets(format!("CRM {fate:?}"));
        let effect = (fate == Fate::Done && self.crm.effects.len() > effects).then_some(effects);
        self.calls.push(Call { result: Some(result), effect, ..call });
    }

    /// A CRM does what a call asks.
    pub fn serve(&mut self, call: &Call) -> Told {
        let run = call.ticket.run_id().to_string();
        let caller = Caller { run: &run, step: call.ticket.step_id() };
        self.crm.serve(&call.request, &caller)
    }
}
