"""ModelOp's documents over HTTP, under `/model-manage/api`."""

from mlc_service.rest.model_manage.router import model_manage_router

__all__ = ["model_manage_router"]
