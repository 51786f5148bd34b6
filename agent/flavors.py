# SPDX-License-Identifier: Apache-2.0
"""The use cases of flavors: look for everybody; make, describe, delete and share for admins.

That only an administrator changes them, the API's policy says. A server keeps a copy of its flavor,
so that nothing here ever touches one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.errors import BadRequest, Conflict, NotFound
from agent.model.flavorlist import FlavorQuery, choose_flavors
from agent.model.identity import Caller
from agent.model.server import Flavor
from agent.store import Store


@dataclass(frozen=True, slots=True)
class Flavors:
    """The flavors that a caller may see; another project's private one is `NotFound`."""

    store: Store

    def list(self, caller: Caller, query: FlavorQuery) -> Sequence[Flavor]:
        """A page of the flavors; an unknown marker is a `BadRequest`. Users see what they may use.

        Only an administrator may ask for those that aren't public: others get what they see anyway.
        """
        own = self.store.catalog.list_flavors(project_id=caller.project.id)
        let_in = frozenset(flavor.id for flavor in own if not flavor.is_public)
        if not caller.is_admin:
            return choose_flavors(own, let_in, replace(query, is_public=True))
        return choose_flavors(self.store.catalog.list_flavors(project_id=None), let_in, query)

    def get(self, caller: Caller, flavor_id: str) -> Flavor:
        """One flavor, or `NotFound`."""
        return self.store.catalog.get_flavor(
            flavor_id, project_id=None if caller.is_admin else caller.project.id
        )

    def create(self, flavor: Flavor) -> Flavor:
        """Keep a new flavor; `Conflict` when its id or name is taken."""
        self.store.catalog.add_flavor(flavor)
        return flavor

    def describe(self, flavor_id: str, description: str | None) -> Flavor:
        """Set a flavor's description, or `NotFound`."""
        return self._edit(flavor_id, lambda flavor: replace(flavor, description=description))

    def delete(self, flavor_id: str) -> None:
        """Forget a flavor, or `NotFound`."""
        self.store.catalog.delete_flavor(flavor_id)

    def get_extra_spec(self, caller: Caller, flavor_id: str, key: str) -> str:
        """The value of one extra spec, or `NotFound`."""
        return _spec(self.get(caller, flavor_id), key)

    def set_extra_specs(self, flavor_id: str, specs: Mapping[str, str]) -> None:
        """Set some extra specs and leave the others, or `NotFound`."""
        self._edit(
            flavor_id, lambda flavor: replace(flavor, extra_specs={**flavor.extra_specs, **specs})
        )

    def delete_extra_spec(self, flavor_id: str, key: str) -> None:
        """Remove one extra spec, or `NotFound`."""

        def change(flavor: Flavor) -> Flavor:
            _spec(flavor, key)
            rest = {name: value for name, value in flavor.extra_specs.items() if name != key}
            return replace(flavor, extra_specs=rest)

        self._edit(flavor_id, change)

    def list_access(self, flavor_id: str) -> Sequence[str]:
        """The projects that may use a private flavor; `NotFound` for a public one, as Nova says."""
        if self.store.catalog.get_flavor(flavor_id, project_id=None).is_public:
            raise NotFound("Access list not available for public flavors.")
        return self.store.catalog.list_access(flavor_id)

    def add_access(
        self, flavor_id: str, project_id: str, *, even_if_public: bool = False
    ) -> Sequence[str]:
        """Let a project into a flavor and give all that are in.

        `NotFound`; `Conflict` when it is in already or, unless `even_if_public`, when the flavor is
        public; `BadRequest` for a project that is not there.
        """
        self._check_project(project_id)
        flavor = self.store.catalog.get_flavor(flavor_id, project_id=None)
        if flavor.is_public and not even_if_public:
            raise Conflict("Can not add access to a public flavor.")
        return self.store.catalog.add_access(flavor_id, project_id)

    def remove_access(self, flavor_id: str, project_id: str) -> Sequence[str]:
        """Take a project out of a flavor and give who is left in; `NotFound` when it is not in."""
        return self.store.catalog.remove_access(flavor_id, project_id)

    def _edit(self, flavor_id: str, change: Callable[[Flavor], Flavor]) -> Flavor:
        return self.store.catalog.edit_flavor(flavor_id, change)

    def _check_project(self, project_id: str) -> None:
        try:
            self.store.identity.get_project(project_id)
        except NotFound as error:
            raise BadRequest(f"Project ID {project_id} is not a valid project.") from error


def _spec(flavor: Flavor, key: str) -> str:
    if key not in flavor.extra_specs:
        raise NotFound(f"Flavor {flavor.id} has no extra specs with key {key}.")
    return flavor.extra_specs[key]
