//! Providers of models.

use crate::secrets::rule::{Rule, token};

pub(super) const RULES: &[Rule] = &[
    token("anthropic-api-key", &["sk-ant-api"], r"sk-ant-api[0-9]{2}-[A-Za-z0-9_-]{93}AA", 3.0),
    token("anthropic-admin-key", &["sk-ant-admin"], r"sk-ant-admin[0-9]{2}-[A-Za-z0-9_-]{93}AA", 3.0),
    token(
        "anthropic-oauth-token",
        &["sk-ant-oat", "sk-ant-ort"],
        r"sk-ant-o[ar]t[0-9]{2}-[A-Za-z0-9_-]{93}AA",
        3.0,
    ),
    token(
        "openai-api-key",
        &["sk-"],
        r"sk-(?:(?:proj|svcacct|admin|None)-)?[A-Za-z0-9_-]{20,100}T3BlbkFJ[A-Za-z0-9_-]{20,100}",
        3.0,
    ),
    token(
        "openai-project-key",
        &["sk-proj-", "sk-svcacct-", "sk-admin-"],
        r"sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,180}",
        4.0,
    ),
    token("openai-compatible-key", &["sk-"], r"sk-[A-Za-z0-9]{48}", 3.5),
    token("openrouter-api-key", &["sk-or-"], r"sk-or-v1-[a-f0-9]{64}", 3.0),
    token("huggingface-access-token", &["hf_"], r"hf_[A-Za-z0-9]{34}", 2.0),
    token("huggingface-organization-token", &["api_org_"], r"api_org_[A-Za-z0-9]{34}", 2.0),
    token("perplexity-api-key", &["pplx-"], r"pplx-[A-Za-z0-9]{48}", 3.5),
    token("groq-api-key", &["gsk_"], r"gsk_[A-Za-z0-9]{52}", 3.5),
    token("xai-api-key", &["xai-"], r"xai-[A-Za-z0-9]{80}", 3.5),
    token("replicate-api-token", &["r8_"], r"r8_[A-Za-z0-9]{37}", 3.5),
    token("tavily-api-key", &["tvly-"], r"tvly-(?:dev-|prod-)?[A-Za-z0-9]{32}", 3.5),
    token("langsmith-api-key", &["lsv2_"], r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}", 3.0),
    token("nvidia-api-key", &["nvapi-"], r"nvapi-[A-Za-z0-9_-]{64}", 3.5),
    token("elevenlabs-api-key", &["sk_"], r"sk_[a-f0-9]{48}", 3.0),
];
