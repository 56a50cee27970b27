// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IQUIVerStaking} from "../src/interfaces/IQUIVerStaking.sol";
import {QUIVToken} from "../src/QUIVToken.sol";
import {QUIVerStaking} from "../src/QUIVerStaking.sol";
import {RewardPool} from "../src/RewardPool.sol";
import {vm} from "./support/Vm.sol";

/// @dev In a file of its own that ends in .t.sol, since the runner fuzzes only what such files hold.
///      Does what accounts can do, in any order, and keeps its own sums. Only calls that must succeed are made: one
///      that reverts is counted, and an exit that reverts apart.
contract StakingHandler {
    struct Filed {
        address account;
        bytes32 id;
        uint256 proposedAt;
        bool disputed;
        bool decided;
    }

    struct Taken {
        uint256 amount;
        uint256 largestBase;
    }

    uint256 private constant QUIV = 1e18;
    uint256 private constant ACTORS = 5;
    uint256 private constant MAX_REPORTS = 64;

    QUIVerStaking private staking;
    QUIVToken private token;
    address private guardian;
    address private multisig;
    address private arbiter;

    address[] public actors;
    Filed[] public filed;
    mapping(address account => mapping(uint256 epoch => Taken)) private takenIn;
    uint256 private nextDigest = 1;

    uint256 public funded;
    uint256 public paid;
    uint256 public deposited;
    uint256 public compounded;
    uint256 public withdrawn;
    uint256 public slashed;
    uint256 public burned;
    uint256 public donated;
    uint256 public openBonds;
    uint256 public lastIndex;
    uint256 public steps;

    bytes public unexpected;
    bool public exitReverted;
    bool public indexFell;
    bool public epochCapPassed;
    bool public resizeChangedRewards;
    bool public usedTwice;
    bool public leftWhileSlashable;

    constructor(QUIVerStaking staking_, QUIVToken token_, address guardian_, address multisig_, address arbiter_) {
        staking = staking_;
        token = token_;
        guardian = guardian_;
        multisig = multisig_;
        arbiter = arbiter_;
        for (uint256 i = 0; i < ACTORS; ++i) actors.push(address(uint160(0xAC0000 + i)));
    }

    /// @dev Every step ends here.
    modifier step() {
        _;
        uint256 index = staking.poolInfo().index;
        if (index < lastIndex) indexFell = true;
        lastIndex = index;
        ++steps;
    }

    function stake(uint256 who, uint256 amount, bool provider) external step {
        address actor = actors[who % ACTORS];
        uint256 balance = token.balanceOf(actor);
        if (balance < 1_000 * QUIV || staking.poolInfo().paused) return;
        amount = bound(amount, 1_000 * QUIV, min(balance, 300_000 * QUIV));
        uint256 others = pendingOf(actor);
        vm.prank(actor);
        try staking.stake(amount, provider) {
            deposited += amount;
        } catch (bytes memory reason) {
            unexpected = reason;
        }
        if (pendingOf(actor) != others) resizeChangedRewards = true;
    }

    function requestUnstake(uint256 who, uint256 amount) external step {
        address actor = actors[who % ACTORS];
        uint256 staked = staking.accountInfo(actor).staked;
        if (staked == 0) return;
        amount = amount % 4 == 0 ? staked : bound(amount, 1, staked);
        uint256 before = pendingOf(actor);
        vm.prank(actor);
        try staking.requestUnstake(amount) {}
        catch {
            exitReverted = true;
        }
        if (pendingOf(actor) != before) resizeChangedRewards = true;
    }

    function withdraw(uint256 who) external step {
        address actor = actors[who % ACTORS];
        IQUIVerStaking.AccountInfo memory info = staking.accountInfo(actor);
        if (info.unbonding == 0 || block.timestamp < info.withdrawableAt) return;
        if (slashableSince(actor, info.unlockAt)) leftWhileSlashable = true;
        vm.prank(actor);
        try staking.withdraw() returns (uint256 amount) {
            withdrawn += amount;
        } catch {
            exitReverted = true;
        }
    }

    function claim(uint256 who) external step {
        address actor = actors[who % ACTORS];
        if (pendingOf(actor) == 0) return;
        vm.prank(actor);
        try staking.claimRewards() returns (uint256 amount) {
            paid += amount;
        } catch {
            exitReverted = true;
        }
    }

    function setAutoCompound(uint256 who, bool enabled) external step {
        vm.prank(actors[who % ACTORS]);
        staking.setAutoCompound(enabled);
    }

    function compound(uint256 who, uint256 by) external step {
        address actor = actors[who % ACTORS];
        address caller = actors[by % ACTORS];
        IQUIVerStaking.AccountInfo memory info = staking.accountInfo(actor);
        if (staking.poolInfo().paused || info.pendingRewards == 0) return;
        if (caller != actor) {
            if (!info.autoCompound || info.weight == 0 || block.timestamp < info.compoundableAt) return;
        }
        vm.prank(caller);
        try staking.compoundFor(actor) returns (uint256 amount, uint256) {
            compounded += amount;
        } catch (bytes memory reason) {
            unexpected = reason;
        }
    }

    function fund(uint256 amount, uint256 duration) external step {
        if (staking.poolInfo().paused || token.balanceOf(address(this)) == 0) return;
        amount = bound(amount, 1, min(token.balanceOf(address(this)), 1_000_000 * QUIV));
        // May be refused, but only since it would lower the rate.
        try staking.fundRewards(amount, bound(duration, 1 days, 400 days)) {
            funded += amount;
        } catch (bytes memory reason) {
            if (bytes4(reason) != RewardPool.RewardRateWouldFall.selector) unexpected = reason;
        }
    }

    function propose(uint256 who, uint256 by, uint256 count, bool pair) external step {
        address actor = actors[who % ACTORS];
        address reporter = actors[by % ACTORS];
        IQUIVerStaking.AccountInfo memory info = staking.accountInfo(actor);
        if (actor == reporter || info.staked + info.unbonding == 0 || filed.length == MAX_REPORTS) return;
        if (token.balanceOf(reporter) < 100 * QUIV) return;
        bytes32[] memory digests = new bytes32[](pair ? 2 : bound(count, 1, 20));
        for (uint256 i = 0; i < digests.length; ++i) digests[i] = bytes32(nextDigest++);
        IQUIVerStaking.Violation violation =
            pair ? IQUIVerStaking.Violation.Equivocation : IQUIVerStaking.Violation.CanaryFailures;
        vm.prank(reporter);
        try staking.proposeSlash(actor, violation, digests) returns (bytes32 id) {
            filed.push(Filed(actor, id, block.timestamp, false, false));
            openBonds += 100 * QUIV;
        } catch (bytes memory reason) {
            unexpected = reason;
        }
        vm.prank(reporter);
        try staking.proposeSlash(actor, violation, digests) {
            usedTwice = true;
        } catch {}
    }

    function dispute(uint256 which) external step {
        if (filed.length == 0) return;
        Filed storage entry = filed[which % filed.length];
        if (entry.decided || entry.disputed || block.timestamp >= entry.proposedAt + 3 days) return;
        vm.prank(entry.account);
        staking.disputeSlash(entry.id);
        entry.disputed = true;
    }

    /// @dev Whatever can be done with a report at this time.
    function decide(uint256 which, bool guilty) external step {
        if (filed.length == 0) return;
        Filed storage entry = filed[which % filed.length];
        if (entry.decided) return;
        uint256 supply = token.totalSupply();
        uint256 age = block.timestamp - entry.proposedAt;
        if (age >= 10 days) {
            staking.lapseSlash(entry.account, entry.id);
        } else if (!entry.disputed && age >= 3 days) {
            count(entry, staking.executeSlash(entry.account, entry.id));
        } else {
            vm.prank(arbiter);
            count(entry, staking.resolveSlash(entry.account, entry.id, guilty));
        }
        entry.decided = true;
        openBonds -= 100 * QUIV;
        burned += supply - token.totalSupply();
        try staking.executeSlash(entry.account, entry.id) {
            usedTwice = true;
        } catch {}
    }

    function donate(uint256 amount) external step {
        amount = bound(amount, 0, min(token.balanceOf(address(this)), 1_000 * QUIV));
        if (token.transfer(address(staking), amount)) donated += amount;
    }

    function togglePause() external step {
        if (staking.poolInfo().paused) {
            vm.prank(multisig);
            staking.unpause();
        } else if (steps % 4 == 0) {
            vm.prank(guardian);
            staking.pause();
        }
    }

    function wait(uint256 time) external step {
        vm.warp(block.timestamp + bound(time, 1, 5 days));
    }

    function actorCount() external pure returns (uint256) {
        return ACTORS;
    }

    function count(Filed memory entry, uint256 amount) private {
        slashed += amount;
        uint256 epoch = entry.proposedAt / 7 days;
        uint256 base = staking.report(entry.account, entry.id).base;
        Taken storage taken = takenIn[entry.account][epoch];
        taken.amount += amount;
        if (base > taken.largestBase) taken.largestBase = base;
        if (taken.amount > (taken.largestBase + 9) / 10) epochCapPassed = true;
        if (taken.amount != staking.slashedInEpoch(entry.account, epoch)) epochCapPassed = true;
    }

    /// @dev Whether a report made before the unbonding was due can still take from it.
    function slashableSince(address account, uint256 unlockAt) private view returns (bool) {
        for (uint256 i = 0; i < filed.length; ++i) {
            Filed memory entry = filed[i];
            if (entry.account != account || entry.decided || entry.proposedAt > unlockAt) continue;
            if (block.timestamp < entry.proposedAt + 10 days) return true;
        }
        return false;
    }

    function pendingOf(address actor) private view returns (uint256) {
        return staking.pendingRewards(actor);
    }

    function min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }

    function bound(uint256 value, uint256 low, uint256 high) private pure returns (uint256) {
        return low + (value % (high - low + 1));
    }
}
