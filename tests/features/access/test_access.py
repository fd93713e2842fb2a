from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.features.access.errors import ActionForbiddenError
from afterglow.features.access.rules import Action, Owned, may, scope_for
from afterglow.features.access.service import require, require_action, require_all
from afterglow.kernel.ids import UserId, new_id
from afterglow.kernel.principal import ALL_SCOPES, Principal, Role, Scope

pytestmark = pytest.mark.req("P-5")

ANA, BEN = UserId(UUID(int=1)), UserId(UUID(int=2))

actions = st.sampled_from(Action)
roles = st.sampled_from(Role)
scopes = st.frozensets(st.sampled_from(Scope))
owned = st.sampled_from([Owned(ANA), Owned(BEN)])
principals = st.builds(Principal, st.just(ANA), roles, scopes)


def ana(*scopes: Scope) -> Principal:
    return Principal(ANA, Role.MEMBER, frozenset(scopes or ALL_SCOPES))


@given(principals, actions, owned)
def test_somebody_may_do_to_their_own_what_their_credential_is_for_and_nothing_else(
    principal: Principal, action: Action, thing: Owned
) -> None:
    assert may(principal, action, thing) == (thing.owner_id == ANA and scope_for(action) in principal.scopes)


@given(scopes, actions, roles)
def test_no_role_opens_what_belongs_to_another(given_scopes: frozenset[Scope], action: Action, role: Role) -> None:
    assert not may(Principal(ANA, role, given_scopes), action, Owned(BEN))


def test_each_action_needs_a_scope_of_its_own() -> None:
    assert len({scope_for(action) for action in Action}) == len(Action)
    assert Scope.ADMIN not in {scope_for(action) for action in Action}


@pytest.mark.parametrize("action", Action)
def test_an_administrators_scope_alone_opens_no_photos(action: Action) -> None:
    assert not may(Principal(ANA, Role.OWNER, frozenset({Scope.ADMIN})), action, Owned(ANA))


@given(principals, actions, st.lists(owned))
def test_a_bulk_passes_when_each_of_its_things_does(principal: Principal, action: Action, things: list[Owned]) -> None:
    passes = scope_for(action) in principal.scopes and all(may(principal, action, thing) for thing in things)
    if passes:
        require_all(principal, action, things)
        require(principal, action, *things)
    else:
        with pytest.raises(ActionForbiddenError) as caught:
            require_all(principal, action, things)
        assert caught.value.fields == {"action": action.value}


def test_one_foreign_thing_stops_the_whole_bulk() -> None:
    things = [Owned(ANA)] * 500 + [Owned(UserId(new_id()))]
    with pytest.raises(ActionForbiddenError):
        require_all(ana(), Action.VIEW, things)


def test_an_empty_bulk_still_needs_the_scope() -> None:
    require_all(ana(Scope.WRITE), Action.CHANGE, [])
    with pytest.raises(ActionForbiddenError):
        require_all(ana(Scope.GALLERY), Action.CHANGE, [])


@pytest.mark.parametrize("action", Action)
def test_an_action_without_a_thing_asks_for_the_scope_alone(action: Action) -> None:
    require_action(ana(scope_for(action)), action)
    with pytest.raises(ActionForbiddenError):
        require_action(ana(*(ALL_SCOPES - {scope_for(action)})), action)
