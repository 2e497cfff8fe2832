import pytest

from tests.logs.mailbox import Mailbox


@pytest.fixture
def mailbox(settings):
    """Let the instance send its mails to a real server on loopback."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.MAILING = True
    box = Mailbox()
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
    yield box
    box.close()
