"""What a visitor does in every browser test."""

from contextlib import contextmanager

from playwright.sync_api import expect

# What Gradio logs when a page is left or reloaded while its event stream is open.
LEAVING = ("AbortError: signal is aborted", "Unexpected error Connection errored out")

# The machine may be busy; what a test waits for comes, or it does not.
expect.set_options(timeout=60_000)


@contextmanager
def open_page(browser, url, expected=(), **options):
    """The page in a new browser; errors on its console and requests elsewhere fail the test.

    Those with one of the `expected` texts in them do not.
    """
    options = {"viewport": {"width": 1280, "height": 900}, "accept_downloads": True, **options}
    context = browser.new_context(**options)
    page = context.new_page()
    problems = []
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request",
        lambda r: None if r.url.startswith((url, "data:", "blob:")) else problems.append(r.url),
    )
    page.goto(url)
    expect(page.locator("#history-rows .empty")).to_be_visible(timeout=60_000)
    yield page
    context.close()
    problems = [text for text in problems if not text.startswith(LEAVING)]
    problems = [text for text in problems if not any(part in text for part in expected)]
    assert not problems, problems


def remover(page, place):
    """The button that takes a photo away, by either of the names that Gradio gave it."""
    return page.locator(
        f"#{place} button[aria-label*=lear i], #{place} button[aria-label*=emove i]"
    ).first


def remove_photo(page, place="photo"):
    remover(page, place).click()


def upload(page, path, place="photo"):
    if remover(page, place).count():
        remove_photo(page, place)
    page.set_input_files(f"#{place} input[type=file]", path)


def rows(page):
    """The list of earlier results."""
    return page.locator("#history-rows tbody tr")
