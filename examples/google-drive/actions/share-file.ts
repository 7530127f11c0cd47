import { createAction } from 'causeway';
import * as z from 'zod';

const Share = z.object({
    file_id: z.string().min(1),
    email: z.email(),
    role: z.enum(['reader', 'commenter', 'writer']),
    message: z.string().optional().describe('for the mail that Google sends; none is sent if left out')
});

export default createAction({
    description: 'Shares a file or a folder with somebody',
    scopes: ['https://www.googleapis.com/auth/drive.file'],
    input: Share,
    output: z.object({ permission_id: z.string(), role: z.string() }),

    exec: async (nango, input) => {
        const { data: share } = await nango.zodValidateInput({ zodSchema: Share, input });
        const { data } = await nango.post<{ id: string; role: string }>({
            // https://developers.google.com/workspace/drive/api/reference/rest/v3/permissions/create
            endpoint: `/drive/v3/files/${encodeURIComponent(share.file_id)}/permissions`,
            params: {
                fields: 'id,role',
                supportsAllDrives: true,
                sendNotificationEmail: share.message !== undefined,
                ...(share.message && { emailMessage: share.message })
            },
            data: { type: 'user', role: share.role, emailAddress: share.email },
            // Sharing with the same person again changes nothing, but it would send a second mail.
            retries: share.message === undefined ? 3 : 0
        });
        return { permission_id: data.id, role: data.role };
    }
});
