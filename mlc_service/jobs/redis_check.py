"""Looking at Redis without changing it: can it be reached, what is it, how is it set up."""

from __future__ import annotations

from dataclasses import dataclass

from redis import Redis
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeout

from mlc_service.readiness import Check

_SECONDS = 5.0


class RedisUnreachable(Exception):
    """Nothing could be asked of Redis; the message has no stack trace, `remedy` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        self.remedy = remedy
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class InspectedRedis:
    """A Redis that answers. `eviction_policy` is what it does when `most_bytes` (0: no limit) are used up.

    `keeps_a_file` if it writes all that it is told into an append-only file; a replica takes no messages.
    """

    version: tuple[int, ...]
    eviction_policy: str
    most_bytes: int
    keeps_a_file: bool
    is_replica: bool


def inspect_redis(redis_url: str) -> InspectedRedis:
    """What Redis says of itself. Raises RedisUnreachable."""
    try:
        redis = Redis.from_url(redis_url, socket_connect_timeout=_SECONDS, socket_timeout=_SECONDS)
    except ValueError:
        raise RedisUnreachable(
            "the address is no Redis's", "Set MLC_REDIS_URL to redis://:password@host:6379/0."
        ) from None
    try:
        said = redis.info()
    except AuthenticationError:
        raise RedisUnreachable(
            "the password is wrong or missing", "Check user and password in MLC_REDIS_URL."
        ) from None
    except ResponseError as error:
        raise RedisUnreachable(str(error), "Allow the user of MLC_REDIS_URL the command INFO.") from None
    except RedisTimeout:
        raise RedisUnreachable(
            f"no answer within {_SECONDS:.0f} seconds",
            "Check the host in MLC_REDIS_URL, and whether a firewall is in between.",
        ) from None
    except (RedisError, OSError) as error:
        raise RedisUnreachable(
            " ".join(str(error).split()), "Check host and port in MLC_REDIS_URL, and that the server runs."
        ) from None
    finally:
        redis.close()
    return InspectedRedis(
        version=tuple(int(part) for part in str(said["redis_version"]).split(".") if part.isdecimal()),
        # forks may leave some of it out
        eviction_policy=str(said.get("maxmemory_policy", "noeviction")),
        most_bytes=int(said.get("maxmemory", 0)),
        keeps_a_file=bool(said.get("aof_enabled")),
        is_replica=said.get("role") == "slave",
    )


def redis_check(redis_url: str) -> Check:
    """For /readyz: without Redis the work goes on, only slower, since the job table is looked at instead."""

    def problem() -> str | None:
        try:
            inspect_redis(redis_url)
        except RedisUnreachable:
            return "Redis does not answer; due jobs are found by looking"
        return None

    return Check("redis", problem, is_required=False)
