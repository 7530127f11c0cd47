import { expect, it, vi } from 'vitest';

import users from '../syncs/users.js';

it('deletes nobody when a page fails with status 200', async () => {
    const nango = new global.vitest.NangoSyncMock({ dirname: __dirname, name: 'failures', Model: 'User' });
    nango.get = vi
        .fn()
        .mockResolvedValueOnce({ data: { ok: true, members: [], response_metadata: { next_cursor: 'next' } } })
        .mockResolvedValueOnce({ data: { ok: false, error: 'ratelimited' } });

    await expect(users.exec(nango)).rejects.toMatchObject({ payload: { code: 'ratelimited' } });

    expect(nango.trackDeletesStart).toHaveBeenCalledOnce();
    expect(nango.trackDeletesEnd).not.toHaveBeenCalled();
});
