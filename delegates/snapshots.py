"""Delegates that find snapshots and what is in them."""

from __future__ import annotations

from delegates.variables import snapshot_of, text
from mlc_service.delegate_api import DelegateExecution, Refused, delegate


@delegate("GetDeployableModelById", reads=("MODEL_ID", "DEPLOYABLE_MODEL_ID"), writes=("DEPLOYABLE_MODEL",))
def get_deployable_model_by_id(execution: DelegateExecution) -> None:
    """DEPLOYABLE_MODEL is the snapshot with the id MODEL_ID (or DEPLOYABLE_MODEL_ID), as it is stored now."""
    snapshot_id = text(execution, "MODEL_ID") or execution.required("DEPLOYABLE_MODEL_ID", str)
    execution.set("DEPLOYABLE_MODEL", execution.ports.snapshots.get(snapshot_id))


@delegate("GetMostRecentDeployableModelByTag", reads=("TAG",), writes=("DEPLOYABLE_MODEL",))
def get_most_recent_deployable_model_by_tag(execution: DelegateExecution) -> None:
    """DEPLOYABLE_MODEL is the newest snapshot with the snapshot tag TAG. FAILURE if there is none."""
    tag = execution.required("TAG", str)
    found = execution.ports.snapshots.latest_with_tag(tag)
    if found is None:
        raise Refused(f"there is no snapshot with the tag '{tag}'")
    execution.set("DEPLOYABLE_MODEL", found)


@delegate("GetMostRecentDeployableModelByStoredModel", reads=("STORED_MODEL",), writes=("DEPLOYABLE_MODEL",))
def get_most_recent_deployable_model_by_stored_model(execution: DelegateExecution) -> None:
    """DEPLOYABLE_MODEL is the newest snapshot of STORED_MODEL. FAILURE if there is none."""
    model = execution.required("STORED_MODEL", dict)
    found = execution.ports.snapshots.latest_of(str(model.get("id")))
    if found is None:
        raise Refused(f"there is no snapshot of the model '{model.get('id')}'")
    execution.set("DEPLOYABLE_MODEL", found)


@delegate("FindDeployableModelAssets", reads=("DEPLOYABLE_MODEL", "ASSET_ROLE", "ASSET_USAGE"), writes=("ASSETS",))
def find_deployable_model_assets(execution: DelegateExecution) -> None:
    """ASSETS are the snapshot's assets in order, those with ASSET_ROLE and ASSET_USAGE only if these are given.

    A snapshot without such an asset gives an empty list.
    """
    role, usage = text(execution, "ASSET_ROLE"), text(execution, "ASSET_USAGE")
    found = execution.ports.snapshots.assets(snapshot_of(execution), role or None, usage or None)
    execution.set("ASSETS", found)
