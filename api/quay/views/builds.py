"""Builds and what triggers them (quay-b.md 8.1 and 8.2, quay-a.md 11.5)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rest_framework import serializers
from rest_framework.response import Response

from accounts import selectors as accounts
from api.fields import Flag, Object, Text
from api.quay.content_shapes import build_log_view, build_view, trigger_view
from api.quay.errors import MESSAGE
from api.quay.operation import Query, operation
from api.quay.views.repositories import RepositoryPart
from api.quay.views.superuser import SuperuserView
from core.errors import Invalid
from permissions.catalogue import (
    BUILD_LOG_READ,
    CONTENT_ADMINISTER,
    CONTENT_CHANGE,
    CONTENT_MANAGE,
    INSTANCE_READ,
    PROJECT_READ,
    ROBOT_SECRET,
    Scope,
)
from projects import content, services
from projects.content import Change, Verb, known

if TYPE_CHECKING:
    from rest_framework.request import Request

    from api.quay.errors import Shape
    from permissions.catalogue import Right
    from projects.content import Build, Trigger
    from projects.models import Project

FEW, MANY = 5, 100
LIMIT = "The maximum number of builds to return"
SINCE = "Returns all builds since the given unix timecode"
START = "The first line to return"
LIMITED = Query("limit", LIMIT, "integer", FEW)
STARTED = Query("start", START, "integer", 0)
# What cannot be changed because of its repository's state (1.7).
STATE: dict[str, tuple[int, Shape]] = {"conflict:state": (503, MESSAGE)}


class ContentPart(RepositoryPart):
    """Something inside of a repository, which only a repository of the usual state lets change."""

    errors = STATE

    def changing(self, path: str, right: Right) -> Project:
        """Return the project of a path, on which the caller has the right and whose content may change."""
        project = self.project(path, right)
        content.require_normal(project)
        return project

    def count(self) -> int:
        """Return how many builds are asked for."""
        asked = self.whole("limit", LIMIT)
        return FEW if asked is None else min(max(asked, 1), MANY)

    def started(self, build: Build) -> Response:
        """Return a new build and where to ask how it goes."""
        project = build.project
        where = f"/api/v1/repository/{project.namespace.name}/{project.slug}/build/{build.id}/status"
        return Response(build_view(self.actor, build), status=201, headers={"Location": where})


class NewBuild(serializers.Serializer[None]):
    """The body that starts a build; what is built is either uploaded or fetched."""

    file_id = Text(required=False)
    archive_url = Text(required=False)
    subdirectory = Text(required=False)
    dockerfile_path = Text(required=False)
    context = Text(required=False)  # type: ignore[assignment] # the metaclass moves it away
    pull_robot = Text(required=False)
    docker_tags = serializers.ListField(child=Text(), required=False, allow_empty=False, max_length=MANY)

    def validate_docker_tags(self, tags: list[str]) -> list[str]:
        """Refuse a tag that is named twice."""
        if len(set(tags)) != len(tags):
            raise serializers.ValidationError("docker_tags has non-unique elements")
        return tags


class Builds(ContentPart):
    """``repository/{repository}/build/``."""

    errors = STATE | {"get not_found:project": (200, {"builds": []})}

    @operation(
        "getRepoBuilds",
        "build",
        scopes=[Scope.REPO_READ],
        anybody=True,
        also=[400, 401, 403],
        query=[LIMITED, Query("since", SINCE, "integer")],
    )
    def get(self, request: Request, repository: str) -> Response:
        """Return the newest builds; a repository that is missing has none."""
        project = self.project(repository, PROJECT_READ)
        since = self.whole("since", SINCE)
        found = content.here().builds(project, limit=self.count(), since=since)
        return Response({"builds": [build_view(self.actor, build) for build in found]})

    @operation(
        "requestRepoBuild", "build", scopes=[Scope.REPO_WRITE], body=NewBuild, success=201, also=[404, 503]
    )
    def post(self, request: Request, repository: str) -> Response:
        """Start a build."""
        project = self.changing(repository, CONTENT_CHANGE)
        body = self.body(NewBuild)
        if not (body.get("file_id") or body.get("archive_url")):
            raise Invalid("One of file_id and archive_url must be given", field="file_id")
        if "archive_url" in body and not re.match(r"https?://[^/]", body["archive_url"]):
            raise Invalid("archive_url must be an address of http or https", field="archive_url")
        if body.get("pull_robot"):
            self.may_lend(body["pull_robot"])
        return self.started(
            services.change_content(
                actor=self.actor, project=project, change=Change(Verb.START_BUILD, given=body)
            )
        )

    def may_lend(self, name: str) -> None:
        """Demand that the caller administers the namespace of a robot, and that there is one."""
        owner, _, shortname = name.partition("+")
        space = accounts.namespace(actor=self.actor, name=owner, right=ROBOT_SECRET)
        accounts.robot(
            actor=self.actor, namespace=space, shortname=shortname, right=ROBOT_SECRET, with_token=False
        )


class BuildPart(ContentPart):
    """A build of a repository, and what is asked of it."""

    def build(self, project: Project, uuid: str) -> Build:
        """Return a build of this project. Raises NotFound, also for another project's."""
        found = known(content.here().build(uuid), "build")
        return known(found if found.project == project else None, "build of this repository")


class OneBuild(BuildPart):
    """``repository/{repository}/build/{build_uuid}``."""

    @operation("getRepoBuild", "build", scopes=[Scope.REPO_READ], anybody=True, also=[401, 403, 404])
    def get(self, request: Request, repository: str, build_uuid: str) -> Response:
        """Return a build."""
        project = self.project(repository, PROJECT_READ)
        return Response(build_view(self.actor, self.build(project, build_uuid)))

    @operation("cancelRepoBuild", "build", scopes=[Scope.REPO_ADMIN], success=201, also=[400, 404, 503])
    def delete(self, request: Request, repository: str, build_uuid: str) -> Response:
        """Cancel a build that has not begun."""
        project = self.changing(repository, CONTENT_MANAGE)
        self.build(project, build_uuid)
        services.change_content(
            actor=self.actor, project=project, change=Change(Verb.CANCEL_BUILD, build_uuid)
        )
        return Response("Okay", status=201)


class BuildStatus(BuildPart):
    """``repository/{repository}/build/{build_uuid}/status``; an unknown build is a 400 here (8.1)."""

    errors = STATE | {"not_found:build": (400, MESSAGE)}

    @operation(
        "getRepoBuildStatus", "build", scopes=[Scope.REPO_READ], anybody=True, also=[400, 401, 403, 404]
    )
    def get(self, request: Request, repository: str, build_uuid: str) -> Response:
        """Return how a build goes."""
        project = self.project(repository, PROJECT_READ)
        return Response(build_view(self.actor, self.build(project, build_uuid)))


class BuildLogs(BuildPart):
    """``repository/{repository}/build/{build_uuid}/logs``; an unknown build is a 400 here (8.1)."""

    errors = STATE | {"not_found:build": (400, MESSAGE)}

    @operation("getRepoBuildLogs", "build", scopes=[Scope.REPO_WRITE], also=[400, 404], query=[STARTED])
    def get(self, request: Request, repository: str, build_uuid: str) -> Response:
        """Return the lines of a build."""
        project = self.project(repository, BUILD_LOG_READ)
        start = self.whole("start", START, default=0) or 0
        self.build(project, build_uuid)
        return Response(build_log_view(known(content.here().build_log(build_uuid, start), "build")))


class TriggerState(serializers.Serializer[None]):
    """The body that switches a trigger."""

    enabled = Flag()


class TriggerActivation(serializers.Serializer[None]):
    """The body that activates a trigger."""

    config = Object()
    pull_robot = Text(required=False)


class TriggerRun(serializers.Serializer[None]):
    """The body that starts a build by a trigger; other keys are refused."""

    branch_name = Text(required=False)
    commit_sha = Text(required=False)
    refs = Object(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse unknown keys."""
        extra = sorted(set(self.initial_data) - set(self.fields))
        if extra:
            raise serializers.ValidationError(f"Additional properties are not allowed: {extra[:3]}"[:200])
        return attrs


class TriggerPart(ContentPart):
    """Something of a build trigger."""

    def trigger(self, project: Project, uuid: str) -> Trigger:
        """Return a trigger of this project. Raises NotFound."""
        return known(content.here().trigger(project, uuid), "trigger")

    def act(self, project: Project, verb: Verb, uuid: str, given: dict[str, Any]) -> Any:
        """Do something to a trigger of this project. Raises NotFound."""
        self.trigger(project, uuid)
        return services.change_content(actor=self.actor, project=project, change=Change(verb, uuid, given))


class Triggers(TriggerPart):
    """``repository/{repository}/trigger/``."""

    @operation("listBuildTriggers", "trigger", scopes=[Scope.REPO_ADMIN], also=[404])
    def get(self, request: Request, repository: str) -> Response:
        """Return the build triggers."""
        found = content.here().triggers(self.project(repository, CONTENT_ADMINISTER))
        return Response({"triggers": [trigger_view(trigger) for trigger in found]})


class OneTrigger(TriggerPart):
    """``repository/{repository}/trigger/{trigger_uuid}``."""

    @operation("getBuildTrigger", "trigger", scopes=[Scope.REPO_ADMIN], also=[404])
    def get(self, request: Request, repository: str, trigger_uuid: str) -> Response:
        """Return a build trigger."""
        project = self.project(repository, CONTENT_ADMINISTER)
        return Response(trigger_view(self.trigger(project, trigger_uuid)))

    @operation("updateBuildTrigger", "trigger", scopes=[Scope.REPO_ADMIN], body=TriggerState, also=[404, 503])
    def put(self, request: Request, repository: str, trigger_uuid: str) -> Response:
        """Switch a build trigger on or off."""
        project = self.changing(repository, CONTENT_MANAGE)
        body = self.body(TriggerState)
        return Response(trigger_view(self.act(project, Verb.TOGGLE_TRIGGER, trigger_uuid, body)))

    @operation("deleteBuildTrigger", "trigger", scopes=[Scope.REPO_ADMIN], success=204, also=[404, 503])
    def delete(self, request: Request, repository: str, trigger_uuid: str) -> Response:
        """Delete a build trigger."""
        self.act(self.changing(repository, CONTENT_MANAGE), Verb.DELETE_TRIGGER, trigger_uuid, {})
        return Response(status=204)


class ActivateTrigger(TriggerPart):
    """``repository/{repository}/trigger/{trigger_uuid}/activate``."""

    @operation(
        "activateBuildTrigger", "trigger", scopes=[Scope.REPO_ADMIN], body=TriggerActivation, also=[404, 503]
    )
    def post(self, request: Request, repository: str, trigger_uuid: str) -> Response:
        """Activate a build trigger."""
        project = self.changing(repository, CONTENT_MANAGE)
        body = self.body(TriggerActivation)
        return Response(trigger_view(self.act(project, Verb.ACTIVATE_TRIGGER, trigger_uuid, body)))


class StartTrigger(TriggerPart):
    """``repository/{repository}/trigger/{trigger_uuid}/start``."""

    @operation(
        "manuallyStartBuildTrigger",
        "trigger",
        scopes=[Scope.REPO_ADMIN],
        body=TriggerRun,
        success=201,
        also=[404, 503],
    )
    def post(self, request: Request, repository: str, trigger_uuid: str) -> Response:
        """Start a build by its trigger."""
        project = self.changing(repository, CONTENT_MANAGE)
        body = self.body(TriggerRun)
        return self.started(self.act(project, Verb.START_TRIGGER, trigger_uuid, body))


class TriggerBuilds(TriggerPart):
    """``repository/{repository}/trigger/{trigger_uuid}/builds``."""

    @operation(
        "listTriggerRecentBuilds", "trigger", scopes=[Scope.REPO_ADMIN], also=[400, 404], query=[LIMITED]
    )
    def get(self, request: Request, repository: str, trigger_uuid: str) -> Response:
        """Return the newest builds that a trigger started; an unknown one has started none."""
        project = self.project(repository, CONTENT_ADMINISTER)
        found = content.here().builds(project, limit=self.count(), trigger=trigger_uuid)
        return Response({"builds": [build_view(self.actor, build) for build in found]})


class InstanceBuild(SuperuserView):
    """``superuser/{build_uuid}/build``."""

    @operation("getRepoBuildSuperUser", "superuser", scopes=[Scope.SUPER_USER], also=[404])
    def get(self, request: Request, build_uuid: str) -> Response:
        """Return a build of whatever repository."""
        self.may(INSTANCE_READ)
        return Response(build_view(self.actor, known(content.here().build(build_uuid), "build")))


class InstanceBuildStatus(SuperuserView):
    """``superuser/{build_uuid}/status``; an unknown build is a 400 of its own kind here (8.1)."""

    errors = {"not_found:build": (400, "invalid_response")}

    @operation("getRepoBuildStatusSuperUser", "superuser", scopes=[Scope.SUPER_USER], also=[400])
    def get(self, request: Request, build_uuid: str) -> Response:
        """Return how a build of whatever repository goes."""
        self.may(INSTANCE_READ)
        return Response(build_view(self.actor, known(content.here().build(build_uuid), "build")))


class InstanceBuildLogs(SuperuserView):
    """``superuser/{build_uuid}/logs``; an unknown build is a 400 of its own kind here (8.1)."""

    errors = {"not_found:build": (400, "invalid_response")}

    @operation(
        "getRepoBuildLogsSuperUser", "superuser", scopes=[Scope.SUPER_USER], also=[400], query=[STARTED]
    )
    def get(self, request: Request, build_uuid: str) -> Response:
        """Return the lines of a build of whatever repository."""
        self.may(INSTANCE_READ)
        start = self.whole("start", START, default=0) or 0
        return Response(build_log_view(known(content.here().build_log(build_uuid, start), "build")))
