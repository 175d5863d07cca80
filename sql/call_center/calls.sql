    -- calls_by_...: counts, sums and extremes of calls, which writers adjust. What the others are made of.
    PERFORM cache_ext_internal.cache_create_aggregate(
        'calls_by_user', calls, '{user_id}', call_measures, max_memory => '96MB');
    PERFORM cache_ext_internal.cache_create_aggregate(
        'calls_by_user_day', calls, ARRAY['user_id', 'day: ' || call_day], call_measures,
        budget => 'calls_by_user');
    PERFORM cache_ext_internal.cache_create_aggregate(
        'calls_by_user_agent', calls, '{user_id,agent_id}', call_measures || last_call,
        budget => 'calls_by_user');
    PERFORM cache_ext_internal.cache_create_aggregate(
        'calls_by_user_agent_day', calls, ARRAY['user_id', 'agent_id', 'day: ' || call_day],
        '{calls: count(*)}', budget => 'calls_by_user');
    PERFORM cache_ext_internal.cache_create_aggregate(
        'calls_by_agent', calls, '{agent_id}',
        call_measures || last_call || 'longest: max(duration_minutes)'::text, budget => 'calls_by_user');
    PERFORM cache_ext_internal.cache_create_aggregate(
        'calls_by_agent_day', calls, ARRAY['agent_id', 'day: ' || call_day], call_measures,
        budget => 'calls_by_user');
