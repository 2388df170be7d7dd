//! The actor of a connector: starts its plugin, asks it, stops it.

use std::sync::Arc;

use connect_api::ConfigMap;
use connect_api::Result;
use connect_core::ConnectorName;
use connect_core::herder::ActionId;
use connect_core::herder::Incarnation;
use connect_core::herder::Input;
use connect_core::herder::Outcome;
use connect_core::herder::Report;
use connect_core::status::Subject;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::gate::Gate;
use crate::gate::GatedOffsets;
use crate::metrics::Instruments;
use crate::plugin_threads::Call;
use crate::plugin_threads::Pulse;
use crate::store::OffsetStore;
use crate::task::contained;
use crate::worker::Worker;
use crate::worker::WorkerConnector;
use crate::worker::connector::forward_signals;
use crate::worker::incarnation::Kind;

struct ConnectorActor {
    name: ConnectorName,
    incarnation: Incarnation,
    stop: CancellationToken,
    pulse: Arc<Pulse>,
    questions: mpsc::Receiver<ActionId>,
    inputs: mpsc::Sender<Input>,
}

impl Worker {
    /// Makes a connector and starts it; it reports by itself.
    pub(crate) fn start_connector(
        self: &Arc<Self>,
        name: ConnectorName,
        incarnation: Incarnation,
        config: ConfigMap,
    ) {
        let (sender, questions) = mpsc::channel(QUESTIONS);
        let seat = self.seat(Subject::Connector(name.clone()), incarnation);
        let actor = ConnectorActor {
            name,
            incarnation,
            stop: seat.stop.clone(),
            pulse: Arc::clone(&seat.pulse),
            questions,
            inputs: self.inputs.clone(),
        };
        let instruments = Arc::<Instruments>::default();
        let made = self.clone().make_connector(
            actor.name.clone(),
            incarnation,
            config,
            seat.gate.clone(),
            Arc::clone(&instruments),
        );
        let kind = Kind::Connector {
            questions: sender,
            instruments,
        };
        self.run(seat, kind, actor.run(made));
    }

    async fn make_connector(
        self: Arc<Self>,
        name: ConnectorName,
        incarnation: Incarnation,
        config: ConfigMap,
        gate: Gate,
        instruments: Arc<Instruments>,
    ) -> Result<WorkerConnector> {
        let offsets = self.gated_offsets(&name, &config, gate).await?;
        let registry = &self.registry;
        let (connector, signals) =
            WorkerConnector::make(registry, &name, config, offsets, instruments)?;
        let inputs = self.inputs.clone();
        self.home
            .spawn(forward_signals(signals, name, incarnation, inputs));
        Ok(connector)
    }

    /// The offsets that an incarnation reads and writes.
    pub(super) async fn gated_offsets(
        self: &Arc<Self>,
        name: &ConnectorName,
        config: &ConfigMap,
        gate: Gate,
    ) -> Result<Arc<dyn OffsetStore>> {
        let inner = if self.is_source(config) {
            self.offsets_of(name, config).await?
        } else {
            Arc::clone(&self.offsets)
        };
        Ok(Arc::new(GatedOffsets { inner, gate }))
    }
}

impl ConnectorActor {
    async fn run(mut self, made: impl Future<Output = Result<WorkerConnector>> + Send) {
        let pulse = Arc::clone(&self.pulse);
        let making = pulse.calling(Call::Make);
        let stop = self.stop.clone();
        let made = tokio::select! {
            // Nothing was started yet: what was opened may be dropped.
            () = stop.cancelled() => return,
            made = contained("the making of the connector", made) => made,
        };
        drop(making);
        let mut connector = match made {
            Ok(connector) => connector,
            Err(error) => {
                tracing::error!(connector = %self.name, error = error.report(), "the connector cannot be made");
                return self.report(Report::Failed(error.into())).await;
            }
        };
        let starting = pulse.calling(Call::Start);
        let started = connector.start().await;
        drop(starting);
        match started {
            Ok(()) => {
                self.report(Report::Running).await;
                self.serve(&mut connector).await;
            }
            Err(error) => {
                tracing::error!(connector = %self.name, error = error.report(), "the connector does not start");
                self.report(Report::Failed(error.into())).await;
            }
        }
        let _stopping = pulse.calling(Call::Stop);
        if let Err(error) = connector.stop().await {
            tracing::warn!(connector = %self.name, error = error.report(), "stop failed");
        }
        drop(connector);
    }

    /// Handles questions until it must stop.
    async fn serve(&mut self, connector: &mut WorkerConnector) {
        loop {
            let question = tokio::select! {
                biased;
                // Cancel-safe: both only wait.
                () = self.stop.cancelled() => return,
                question = self.questions.recv() => question,
            };
            let Some(id) = question else { return };
            let asking = self.pulse.calling(Call::TaskConfigs);
            let configs = connector.task_configs().await;
            drop(asking);
            let outcome = Outcome::TaskConfigs(configs.map_err(Into::into));
            // Fails only once the herder is gone.
            let _ = self.inputs.send(Input::Done(id, outcome)).await;
        }
    }

    async fn report(&self, report: Report) {
        let subject = Subject::Connector(self.name.clone());
        let report = Input::Report(subject, self.incarnation, report);
        // Fails only once the herder is gone.
        let _ = self.inputs.send(report).await;
    }
}

/// Questions that wait while the plugin is in a call. The core asks again only after it has given up
/// on an answer.
const QUESTIONS: usize = 4;
