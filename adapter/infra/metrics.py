"""What is counted for Prometheus."""

from prometheus_client import Counter, Gauge, Histogram

HOOKS = Counter("adapter_hooks_total", "Requests at the door by answer.", ["source", "outcome"])
UNKNOWN_TOPICS = Counter("adapter_unknown_topics_total", "Verified deliveries with a topic that the connector does not know.", ["source"])
ACTIONS = Counter("adapter_action_runs_total", "Runs of actions by outcome.", ["kind", "outcome"])
ACTION_SECONDS = Histogram("adapter_action_seconds", "Duration of one run.", ["kind"], buckets=(0.005, 0.02, 0.1, 0.5, 2, 10, 30))
FINDINGS = Counter("adapter_findings_total", "What was noticed on documents that were issued.", ["code", "severity"])
BACKLOG = Gauge("adapter_backlog", "Actions that are not over, or that a person should look at, by kind and state.", ["kind", "state"])
OLDEST_DUE = Gauge("adapter_oldest_due_seconds", "Age of the oldest action that is due and not running.")
SILENT_SOURCES = Gauge("adapter_source_silent", "1 for a source that has gone silent.", ["source"])
ENDPOINTS_OFF = Gauge("adapter_endpoints_disabled", "Endpoints that were switched off.")
REMOVED = Counter("adapter_removed_total", "What was deleted or erased because its time was over.", ["what"])
CLEARANCES = Counter("adapter_clearances_total", "Documents submitted for clearance, and what became of them.", ["connector", "state"])
LAST_SWEEP = Gauge("adapter_last_sweep_timestamp_seconds", "When the sweep last ran.")
EINVOICES = Counter("adapter_einvoices_total", "E-invoices made, by what the rules said of them.", ["profile", "verdict"])
