"""What the tests of accounts share."""

from afterglow.features.accounts.service import Client, WantedAccount
from afterglow.kernel.principal import Role

LAPTOP = Client(address="192.0.2.7", user_agent="Laptop/1.0")


def password_of(name: str) -> str:
    return f"{name} likes long walks"


def wanted(name: str, role: Role = Role.MEMBER) -> WantedAccount:
    return WantedAccount(email=f"{name}@example.org", name=name.title(), password=password_of(name), role=role)
