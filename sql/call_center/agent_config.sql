    -- agent_config: what cache_put_agent_config stored. It has no loader.
    PERFORM cache_ext_internal.cache_create(
        'agent_config', ttl => '30 min', refresh_at => NULL,
        key_types => '{uuid}', value_type => 'json');
