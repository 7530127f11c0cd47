import type { NangoAction } from 'causeway';

/** Slack's failures come with status 200 and ok: false. https://docs.slack.dev/apis/web-api/#responses */
export type SlackAnswer<T> = ({ ok: true; warning?: string } & T) | { ok: false; error: string; needed?: string; provided?: string };

/** The answer, or an error with Slack's own code. */
export function checked<T>(nango: NangoAction, answer: SlackAnswer<T>): T {
    if (!answer.ok) {
        throw new nango.ActionError({ code: answer.error, message: `Slack answered: ${answer.error}`, needed: answer.needed });
    }
    return answer;
}
