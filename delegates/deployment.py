"""Delegates that put snapshots into force."""

from __future__ import annotations

from delegates.variables import document, snapshot_of
from mlc_service.delegate_api import DelegateExecution, delegate


@delegate("DeployModel", reads=("DEPLOYABLE_MODEL", "ENGINE_INSTANCE", "RUNTIME"), writes=("DEPLOYED_MODEL",))
def deploy_model(execution: DelegateExecution) -> None:
    """DEPLOYED_MODEL says that the snapshot is in force on the runtime ENGINE_INSTANCE (else RUNTIME).

    On a runtime with endpoints the model has been started once. FAILURE if it does not start or does not fit there.
    """
    snapshot, runtime = snapshot_of(execution), document(execution, "ENGINE_INSTANCE", "RUNTIME")
    deployed = execution.ports.deployments.deploy(
        str(snapshot.get("id")), str(runtime.get("id")), execution.idempotency_key
    )
    execution.log("model_deployed", deployed_model_id=deployed["id"], runtime=runtime.get("name"))
    execution.set("DEPLOYED_MODEL", deployed)
