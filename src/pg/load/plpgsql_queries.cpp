#include "pg/load/plpgsql_queries.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/memory.hpp"
#include "pg/load/plain_calls.hpp"
#include "pg/load/plain_casts.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "commands/proclang.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "catalog/pg_type.h"
#include "parser/parser.h"
#include "plpgsql.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/expandedrecord.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

constexpr const char* kLibrary = "$libdir/plpgsql";

using Compile = PLpgSQL_function* (*)(FunctionCallInfo, bool);
using ParserSetup = void (*)(ParseState*, PLpgSQL_expr*);

void* of_plpgsql(const char* name) {
    return reinterpret_cast<void*>(load_external_function(kLibrary, name, true, nullptr));
}

// What has been found so far, and where.
struct Body {
    PLpgSQL_function* function;
    PLpgSQL_execstate* state;
    ParserSetup setup;
    bool* assigned;  // by number of datum
    List* queries;   // their parameters are datums, from 1 on
    bool complete;
    bool everything;  // also what is around dynamic SQL
};

template <class T>
T* as(void* node) {
    return static_cast<T*>(node);
}

void assign(Body* b, int number) {
    if (number < 0) return;
    // A record is of the columns that its first query gives it; a second one might give others.
    if (b->state->datums[number]->dtype == PLPGSQL_DTYPE_REC && b->assigned[number]) {
        b->complete = false;
    }
    b->assigned[number] = true;
    const PLpgSQL_datum* datum = b->state->datums[number];
    if (datum->dtype == PLPGSQL_DTYPE_ROW) {
        const auto* row = reinterpret_cast<const PLpgSQL_row*>(datum);
        for (int i = 0; i < row->nfields; ++i) assign(b, row->varnos[i]);
    } else if (datum->dtype == PLPGSQL_DTYPE_RECFIELD) {
        b->assigned[reinterpret_cast<const PLpgSQL_recfield*>(datum)->recparentno] = true;
    }
}

// InvalidOid: it is known only when it runs.
Oid type_of(const Body* b, int number) {
    const PLpgSQL_datum* datum = b->state->datums[number];
    switch (datum->dtype) {
        case PLPGSQL_DTYPE_VAR:
        case PLPGSQL_DTYPE_PROMISE:
            return reinterpret_cast<const PLpgSQL_var*>(datum)->datatype->typoid;
        case PLPGSQL_DTYPE_REC:
            return reinterpret_cast<const PLpgSQL_rec*>(datum)->rectypeid;
        default:
            return InvalidOid;
    }
}

void cast(Body* b, Oid from, Oid to) {
    if (!OidIsValid(from) || !OidIsValid(to) || !is_cast_plainly(from, to)) b->complete = false;
}

// A row of these columns goes into that variable.
void cast_row(Body* b, List* columns, int number) {
    const PLpgSQL_datum* datum = b->state->datums[number];
    if (datum->dtype == PLPGSQL_DTYPE_ROW) {
        const auto* row = reinterpret_cast<const PLpgSQL_row*>(datum);
        // One that has more, or fewer, is filled up, or cut.
        for (int i = 0; i < std::min(row->nfields, list_length(columns)); ++i) {
            cast(b, list_nth_oid(columns, i), type_of(b, row->varnos[i]));
        }
        return;
    }
    const Oid type = type_of(b, number);
    if (type == RECORDOID) return;
    if (list_length(columns) == 1 && linitial_oid(columns) == type) return;
    if (datum->dtype != PLPGSQL_DTYPE_REC) {
        if (columns == NIL) return;
        cast(b, linitial_oid(columns), type);
        return;
    }
    TupleDesc wanted = lookup_rowtype_tupdesc_copy(type, -1);
    int given = 0;
    for (int i = 0; i < wanted->natts && given < list_length(columns); ++i) {
        const FormData_pg_attribute* column = TupleDescAttr(wanted, i);
        if (!column->attisdropped) cast(b, list_nth_oid(columns, given++), column->atttypid);
    }
}

// `rows`: the queries whose rows it gets; NIL: not known.
void assign(Body* b, PLpgSQL_variable* target, List* rows) {
    if (target == nullptr) return;
    assign(b, target->dno);
    if (list_length(rows) != 1) {
        b->complete = false;
        return;
    }
    const Query* query = linitial_node(Query, rows);
    cast_row(b, types_returned(query), target->dno);
    if (target->dtype != PLPGSQL_DTYPE_REC) return;
    auto* record = reinterpret_cast<PLpgSQL_rec*>(b->state->datums[target->dno]);
    if (record->rectypeid != RECORDOID || record->erh != nullptr) return;
    const TupleDesc columns = ExecTypeFromTL(query->targetList);
    record->erh = make_expanded_record_from_tupdesc(columns, CurrentMemoryContext);
}

void setup_parser(ParseState* state, void* argument) {
    auto* parse = static_cast<std::pair<Body*, PLpgSQL_expr*>*>(argument);
    parse->first->setup(state, parse->second);
}

List* visit(Body* b, PLpgSQL_expr* expression) {
    if (expression == nullptr) return NIL;
    expression->func = b->function;
    std::pair<Body*, PLpgSQL_expr*> parse = {b, expression};
    List* found = NIL;
    ListCell* cell;
    foreach (cell, raw_parser(expression->query, expression->parseMode)) {
        found = list_concat(
            found, pg_analyze_and_rewrite_withcb(lfirst_node(RawStmt, cell), expression->query,
                                                 setup_parser, &parse, nullptr));
    }
    b->queries = list_concat(b->queries, found);
    return found;
}

// An expression whose value is made one of that type.
void visit(Body* b, PLpgSQL_expr* expression, Oid wanted) {
    if (expression == nullptr) return;
    List* found = visit(b, expression);
    List* types = list_length(found) == 1 ? types_returned(linitial_node(Query, found)) : NIL;
    cast(b, list_length(types) == 1 ? linitial_oid(types) : InvalidOid, wanted);
}

void visit(Body* b, List* statements);

// What is around a statement that is not known before it runs.
void visit_dynamic(Body* b, PLpgSQL_expr* text, List* parameters) {
    b->complete = false;
    if (!b->everything) return;
    visit(b, text);
    ListCell* cell;
    foreach (cell, parameters) visit(b, as<PLpgSQL_expr>(lfirst(cell)));
}

void visit_block(Body* b, const PLpgSQL_stmt_block* block) {
    for (int i = 0; i < block->n_initvars; ++i) {
        PLpgSQL_datum* datum = b->state->datums[block->initvarnos[i]];
        if (datum->dtype == PLPGSQL_DTYPE_VAR || datum->dtype == PLPGSQL_DTYPE_REC) {
            const auto* variable = reinterpret_cast<PLpgSQL_variable*>(datum);
            visit(b, variable->default_val, type_of(b, variable->dno));
        }
        if (datum->dtype == PLPGSQL_DTYPE_VAR) {
            visit(b, reinterpret_cast<PLpgSQL_var*>(datum)->cursor_explicit_expr);
        }
    }
    visit(b, block->body);
    if (block->exceptions == nullptr) return;
    // Rows that otherwise do not matter can raise an error, and so be told from others.
    b->complete = false;
    ListCell* cell;
    foreach (cell, block->exceptions->exc_list) {
        visit(b, as<PLpgSQL_exception>(lfirst(cell))->action);
    }
}

void visit_if(Body* b, const PLpgSQL_stmt_if* s) {
    visit(b, s->cond, BOOLOID);
    visit(b, s->then_body);
    ListCell* cell;
    foreach (cell, s->elsif_list) {
        visit(b, as<PLpgSQL_if_elsif>(lfirst(cell))->cond, BOOLOID);
        visit(b, as<PLpgSQL_if_elsif>(lfirst(cell))->stmts);
    }
    visit(b, s->else_body);
}

void visit_case(Body* b, const PLpgSQL_stmt_case* s) {
    // The variable has the type of the expression only when it runs.
    if (s->t_expr != nullptr) visit_dynamic(b, s->t_expr, NIL);
    ListCell* cell;
    foreach (cell, s->case_when_list) {
        visit(b, as<PLpgSQL_case_when>(lfirst(cell))->expr, BOOLOID);
        visit(b, as<PLpgSQL_case_when>(lfirst(cell))->stmts);
    }
    visit(b, s->else_stmts);
}

void visit_raise(Body* b, const PLpgSQL_stmt_raise* s) {
    ListCell* cell;
    foreach (cell, s->params) visit(b, as<PLpgSQL_expr>(lfirst(cell)));
    foreach (cell, s->options) visit(b, as<PLpgSQL_raise_option>(lfirst(cell))->expr);
}

void visit_cursor_arguments(Body* b, int curvar, PLpgSQL_expr* arguments) {
    if (arguments == nullptr) return;
    const auto* cursor = reinterpret_cast<const PLpgSQL_var*>(b->state->datums[curvar]);
    List* found = visit(b, arguments);
    if (cursor->cursor_explicit_argrow < 0 || list_length(found) != 1) {
        b->complete = false;
        return;
    }
    assign(b, cursor->cursor_explicit_argrow);
    cast_row(b, types_returned(linitial_node(Query, found)), cursor->cursor_explicit_argrow);
}

// Rows of a cursor: of one whose query is part of its declaration, or else of any.
void visit_for_cursor(Body* b, const PLpgSQL_stmt_forc* s) {
    visit_cursor_arguments(b, s->curvar, s->argquery);
    const auto* cursor = reinterpret_cast<const PLpgSQL_var*>(b->state->datums[s->curvar]);
    List* rows = NIL;
    if (cursor->cursor_explicit_expr != nullptr) rows = visit(b, cursor->cursor_explicit_expr);
    assign(b, s->var, rows);
    visit(b, s->body);
}

void visit_open(Body* b, const PLpgSQL_stmt_open* s) {
    if (s->dynquery != nullptr) visit_dynamic(b, s->dynquery, s->params);
    assign(b, s->curvar);
    visit_cursor_arguments(b, s->curvar, s->argquery);
    visit(b, s->query);
}

void visit_foreach(Body* b, const PLpgSQL_stmt_foreach_a* s) {
    List* found = visit(b, s->expr);
    List* types = list_length(found) == 1 ? types_returned(linitial_node(Query, found)) : NIL;
    const Oid array = list_length(types) == 1 ? linitial_oid(types) : InvalidOid;
    cast(b, s->slice > 0 ? array : get_element_type(array), type_of(b, s->varno));
    assign(b, s->varno);
    visit(b, s->body);
}

// What a variable or an expression is returned as. OUT parameters make up the result.
void visit_return(Body* b, PLpgSQL_expr* expression, int variable) {
    const PLpgSQL_function* f = b->function;
    if (expression != nullptr) {
        visit(b, expression, f->fn_rettype);
    } else if (variable >= 0 && variable != f->out_param_varno) {
        cast(b, type_of(b, variable), f->fn_rettype);
    }
}

void visit(Body* b, PLpgSQL_stmt* statement) {
    CHECK_FOR_INTERRUPTS();
    ListCell* cell;
    switch (statement->cmd_type) {
        case PLPGSQL_STMT_BLOCK:
            visit_block(b, as<PLpgSQL_stmt_block>(statement));
            break;
        case PLPGSQL_STMT_ASSIGN: {
            auto* s = as<PLpgSQL_stmt_assign>(statement);
            visit(b, s->expr);
            assign(b, s->varno);
            break;
        }
        case PLPGSQL_STMT_IF:
            visit_if(b, as<PLpgSQL_stmt_if>(statement));
            break;
        case PLPGSQL_STMT_CASE:
            visit_case(b, as<PLpgSQL_stmt_case>(statement));
            break;
        case PLPGSQL_STMT_LOOP:
            visit(b, as<PLpgSQL_stmt_loop>(statement)->body);
            break;
        case PLPGSQL_STMT_WHILE:
            visit(b, as<PLpgSQL_stmt_while>(statement)->cond, BOOLOID);
            visit(b, as<PLpgSQL_stmt_while>(statement)->body);
            break;
        case PLPGSQL_STMT_FORI: {
            auto* s = as<PLpgSQL_stmt_fori>(statement);
            for (PLpgSQL_expr* bound : {s->lower, s->upper, s->step}) visit(b, bound, INT4OID);
            assign(b, s->var->dno);
            visit(b, s->body);
            break;
        }
        case PLPGSQL_STMT_FORS: {
            auto* s = as<PLpgSQL_stmt_fors>(statement);
            assign(b, s->var, visit(b, s->query));
            visit(b, s->body);
            break;
        }
        case PLPGSQL_STMT_FORC:
            visit_for_cursor(b, as<PLpgSQL_stmt_forc>(statement));
            break;
        case PLPGSQL_STMT_FOREACH_A:
            visit_foreach(b, as<PLpgSQL_stmt_foreach_a>(statement));
            break;
        case PLPGSQL_STMT_EXIT:
            visit(b, as<PLpgSQL_stmt_exit>(statement)->cond, BOOLOID);
            break;
        case PLPGSQL_STMT_RETURN:
            visit_return(b, as<PLpgSQL_stmt_return>(statement)->expr,
                         as<PLpgSQL_stmt_return>(statement)->retvarno);
            break;
        case PLPGSQL_STMT_RETURN_NEXT:
            visit_return(b, as<PLpgSQL_stmt_return_next>(statement)->expr,
                         as<PLpgSQL_stmt_return_next>(statement)->retvarno);
            break;
        case PLPGSQL_STMT_RETURN_QUERY: {
            auto* s = as<PLpgSQL_stmt_return_query>(statement);
            if (s->dynquery != nullptr) visit_dynamic(b, s->dynquery, s->params);
            visit(b, s->query);
            break;
        }
        case PLPGSQL_STMT_RAISE:
            visit_raise(b, as<PLpgSQL_stmt_raise>(statement));
            break;
        case PLPGSQL_STMT_ASSERT:
            visit(b, as<PLpgSQL_stmt_assert>(statement)->cond, BOOLOID);
            visit(b, as<PLpgSQL_stmt_assert>(statement)->message);
            break;
        case PLPGSQL_STMT_EXECSQL: {
            auto* s = as<PLpgSQL_stmt_execsql>(statement);
            assign(b, s->target, visit(b, s->sqlstmt));
            break;
        }
        case PLPGSQL_STMT_GETDIAG:
            foreach (cell, as<PLpgSQL_stmt_getdiag>(statement)->diag_items) {
                assign(b, as<PLpgSQL_diag_item>(lfirst(cell))->target);
            }
            break;
        case PLPGSQL_STMT_OPEN:
            visit_open(b, as<PLpgSQL_stmt_open>(statement));
            break;
        case PLPGSQL_STMT_CLOSE:
            break;
        case PLPGSQL_STMT_PERFORM:
            visit(b, as<PLpgSQL_stmt_perform>(statement)->expr);
            break;
        case PLPGSQL_STMT_FETCH:
            visit_dynamic(b, as<PLpgSQL_stmt_fetch>(statement)->expr, NIL);
            break;
        case PLPGSQL_STMT_DYNEXECUTE: {
            auto* s = as<PLpgSQL_stmt_dynexecute>(statement);
            visit_dynamic(b, s->query, s->params);
            break;
        }
        case PLPGSQL_STMT_DYNFORS: {
            auto* s = as<PLpgSQL_stmt_dynfors>(statement);
            visit_dynamic(b, s->query, s->params);
            if (b->everything) visit(b, s->body);
            break;
        }
        case PLPGSQL_STMT_CALL:
        case PLPGSQL_STMT_COMMIT:
        case PLPGSQL_STMT_ROLLBACK:
        default:
            visit_dynamic(b, nullptr, NIL);
            break;
    }
}

void visit(Body* b, List* statements) {
    ListCell* cell;
    foreach (cell, statements) {
        visit(b, as<PLpgSQL_stmt>(lfirst(cell)));
    }
}

// From numbers of datums to those of arguments.
bool renumber(Node* node, void* argument) {
    const auto* b = static_cast<const Body*>(argument);
    if (node == nullptr) return false;
    if (IsA(node, Query)) {
        return query_tree_walker(reinterpret_cast<Query*>(node), tree_walker(renumber), argument,
                                 0);
    }
    if (IsA(node, Param)) {
        auto* parameter = reinterpret_cast<Param*>(node);
        if (parameter->paramkind != PARAM_EXTERN) return false;
        const int number = parameter->paramid - 1;
        parameter->paramid += b->function->fn_nargs;
        for (int i = 0; i < b->function->fn_nargs; ++i) {
            if (b->function->fn_argvarnos[i] == number && !b->assigned[number]) {
                parameter->paramid = i + 1;
            }
        }
        return false;
    }
    return expression_tree_walker(node, tree_walker(renumber), argument);
}

// What PL/pgSQL's hooks want to know of a function that runs: the types of its variables. Those
// that have values of their own while it runs are copies.
PLpgSQL_datum** variables_of(const PLpgSQL_function* function) {
    auto** all = make_array<PLpgSQL_datum*>(static_cast<size_t>(function->ndatums));
    for (int i = 0; i < function->ndatums; ++i) {
        all[i] = function->datums[i];
        size_t size = 0;
        if (all[i]->dtype == PLPGSQL_DTYPE_REC) size = sizeof(PLpgSQL_rec);
        if (all[i]->dtype == PLPGSQL_DTYPE_RECFIELD) size = sizeof(PLpgSQL_recfield);
        if (size == 0) continue;
        all[i] = static_cast<PLpgSQL_datum*>(palloc(size));
        memcpy(all[i], function->datums[i], size);
    }
    return all;
}

PLpgSQL_function* compile(Oid function) {
    FmgrInfo info = {};
    LOCAL_FCINFO(call, 0);
    memset(call, 0, SizeForFunctionCallInfo(0));
    call->flinfo = &info;
    info.fn_oid = function;
    info.fn_mcxt = CurrentMemoryContext;
    const auto compile = reinterpret_cast<Compile>(of_plpgsql("plpgsql_compile"));
    return compile(call, true);
}

// What it means depends on who calls it.
bool is_polymorphic(Oid function) {
    Oid* types;
    int count;
    bool is = IsPolymorphicType(get_func_signature(function, &types, &count));
    for (int i = 0; i < count; ++i) is = is || IsPolymorphicType(types[i]);
    return is;
}

// A variable may be checked, or converted, whenever it gets a value.
bool has_plain_variables(const Body* b) {
    for (int i = 0; i < b->function->ndatums; ++i) {
        const Oid type = type_of(b, i);
        if (OidIsValid(type) && type != RECORDOID && !is_plain_type(type)) return false;
    }
    return true;
}

// In C, and in PL/pgSQL's library.
bool is_of_library(Oid function) {
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple)) return false;
    bool none;
    const Datum library = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_probin, &none);
    const bool in_c = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->prolang == ClanguageId;
    const bool is = in_c && !none && strcmp(TextDatumGetCString(library), kLibrary) == 0;
    ReleaseSysCache(tuple);
    return is;
}

// In a function of its own, since it sets a long jump: what lives across that is in the body.
pg_noinline void visit_all(Body* body) {
    PLpgSQL_execstate* running = body->function->cur_estate;
    body->function->cur_estate = body->state;
    PG_TRY();
    { visit(body, reinterpret_cast<PLpgSQL_stmt*>(body->function->action)); }
    PG_FINALLY();
    { body->function->cur_estate = running; }
    PG_END_TRY();
}

}  // namespace

bool is_plpgsql(HeapTuple function) {
    const Oid language = reinterpret_cast<Form_pg_proc>(GETSTRUCT(function))->prolang;
    HeapTuple tuple = SearchSysCache1(LANGOID, ObjectIdGetDatum(language));
    if (!HeapTupleIsValid(tuple)) return false;
    const Oid handler = reinterpret_cast<Form_pg_language>(GETSTRUCT(tuple))->lanplcallfoid;
    ReleaseSysCache(tuple);
    return is_of_library(handler);
}

bool plpgsql_queries(Oid oid, List** queries, bool everything) {
    *queries = NIL;
    if (is_polymorphic(oid)) return false;
    PLpgSQL_function* function = compile(oid);
    PLpgSQL_execstate state = {};
    state.func = function;
    state.ndatums = function->ndatums;
    state.datums = variables_of(function);
    state.datum_context = CurrentMemoryContext;
    Body body = {function,
                 &state,
                 reinterpret_cast<ParserSetup>(of_plpgsql("plpgsql_parser_setup")),
                 make_array<bool>(static_cast<size_t>(function->ndatums)),
                 NIL,
                 true,
                 everything};
    visit_all(&body);
    ListCell* cell;
    foreach (cell, body.queries) renumber(static_cast<Node*>(lfirst(cell)), &body);
    *queries = body.queries;
    return body.complete && has_plain_variables(&body);
}

}  // namespace cache_ext::pg
