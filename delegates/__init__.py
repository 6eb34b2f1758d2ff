"""The code behind service tasks, one file per theme, under the names of ModelOp's catalogue.

`CATALOGUE` is what the service offers to diagrams; a delegate that is not listed here does not exist.
"""

from delegates import deployment, http_connector, jobs, notifications, runtimes, snapshots, test_results, tickets
from mlc_service.delegate_api import Delegate

CATALOGUE: tuple[Delegate, ...] = (
    jobs.create_model_batch_job,
    jobs.get_job,
    snapshots.get_deployable_model_by_id,
    snapshots.get_most_recent_deployable_model_by_tag,
    snapshots.get_most_recent_deployable_model_by_stored_model,
    snapshots.find_deployable_model_assets,
    test_results.parse_model_test_result_from_batch_job,
    test_results.create_model_test_result,
    test_results.model_test_result_eval,
    runtimes.get_compatible_engine,
    runtimes.get_runtimes_by_tag,
    deployment.deploy_model,
    notifications.create_notification,
    tickets.create_jira_model_approval,
    tickets.create_jira_model_review,
    tickets.create_jira_test_review,
    tickets.create_jira_job_notification,
    tickets.create_jira_model_notification,
    tickets.create_jira_simple_notification,
    http_connector.http_connector,
)
